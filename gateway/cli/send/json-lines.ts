// JSON Lines as events: one value a line, with its place. A line that cannot be an event is told and passed over, the
// same way each time, so that the others keep their numbers.
import { checkValue, fromParsedJson, fromUnknown, GrainError, keyFrom } from '../../../lib/index.ts';
import type { Refusal } from './job-state.ts';
import type { JobItem } from './stream-job.ts';

export interface JsonLinesOptions {
  /** Names the property that holds the key; undefined: singletons and stateless Cores. */
  readonly key: string | undefined;
  /** Bytes of the whole input; undefined when it has no end that is known. */
  readonly size: number | undefined;
  /** The first line to take, counted from 1. */
  readonly fromLine: number;
  readonly onRefusal: (refusal: Refusal) => void;
}

/** A line longer than this is no event of ours, and not kept in memory. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;
const NEWLINE = 10;

/** The events of the input after the first `skip` ones. */
export async function* jsonLines(
  chunks: AsyncIterable<Uint8Array>,
  skip: number,
  { key, size, fromLine, onRefusal }: JsonLinesOptions,
): AsyncGenerator<JobItem> {
  let count = 0;
  for await (const { line, text, end } of linesOf(chunks)) {
    if (line < fromLine || text.trim() === '') continue;
    try {
      const event = eventOf(text, key);
      count += 1;
      if (count > skip) yield { line, ...event, share: size ? end / size : 0 };
    } catch (thrown) {
      const { code, message } = fromUnknown(thrown);
      if (count >= skip) onRefusal({ line, code, message, effect: 'none' });
    }
  }
}

/** @throws ERR_BODY_INVALID, ERR_VALUE_INVALID, ERR_KEY_REQUIRED, ERR_KEY_INVALID */
function eventOf(text: string, property: string | undefined): Pick<JobItem, 'key' | 'data' | 'bytes'> {
  const data = checkValue(fromParsedJson(parse(text)));
  const bytes = Buffer.byteLength(text) + (property?.length ?? 0) + 256;
  if (property === undefined) return { key: undefined, data, bytes };
  const isObject = typeof data === 'object' && data !== null;
  const raw =
    isObject && Object.hasOwn(data, property) ? (data as Record<string, unknown>)[property] : undefined;
  if (raw === undefined) {
    throw new GrainError('ERR_KEY_REQUIRED', { message: `the line has no ${property}`, entityKey: property });
  }
  return { key: keyFrom(raw), data, bytes };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (thrown) {
    const problem = thrown instanceof Error ? thrown.message : String(thrown);
    throw new GrainError('ERR_BODY_INVALID', { message: `not JSON: ${problem}` });
  }
}

interface Line {
  readonly line: number;
  readonly text: string;
  /** Bytes of the input up to its end. */
  readonly end: number;
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let parts: Uint8Array[] = [];
  let [line, end, kept] = [0, 0, 0];
  const take = (last: Uint8Array): Line => {
    const text = textOf([...parts, last]);
    parts = [];
    kept = 0;
    line += 1;
    return { line, text: line === 1 ? text.replace(/^\ufeff/, '') : text, end };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, start)) {
      end += at + 1 - start;
      yield take(chunk.subarray(start, at));
      start = at + 1;
    }
    const rest = chunk.subarray(start);
    end += rest.length;
    kept += rest.length;
    if (rest.length > 0 && kept <= LINE_BYTES_MAX) parts.push(rest);
  }
  if (parts.length > 0) yield take(new Uint8Array());
}

function textOf(parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString('utf8').replace(/\r$/, '');
}

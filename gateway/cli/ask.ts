// Questions to a running host, over its public HTTP interface.
import { type ErrorReport, GrainError } from '../../lib/index.ts';
import type { GranaryConfig } from '../config/config-keys.ts';

export const DEFAULT_URL = 'http://127.0.0.1:7400';

export interface Target {
  readonly url: string;
  readonly token: string | undefined;
}

export interface AskOptions {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** How long the answer may take. @default 10_000 */
  readonly waitMs?: number;
}

export type Answer =
  | { readonly status: 'ok'; readonly data: unknown }
  | { readonly status: 'error'; readonly error: ErrorReport; readonly meta?: unknown };

/** @throws ERR_CONFIG_INVALID */
export function targetOf({ url = DEFAULT_URL, token }: Partial<GranaryConfig>): Target {
  if (!/^https?:\/\//.test(url)) {
    const message = `the url must begin with http:// or https://, not ${url}`;
    throw new GrainError('ERR_CONFIG_INVALID', { message, option: 'url' });
  }
  return { url: url.replace(/\/+$/, ''), token };
}

/** @throws ERR_CONNECTION_FAILED */
export async function ask({ url, token }: Target, path: string, options: AskOptions = {}): Promise<Answer> {
  const { method = 'GET', body, waitMs = 10_000 } = options;
  const headers = Object.entries({
    ...options.headers,
    authorization: token === undefined ? undefined : `Bearer ${token}`,
    'content-type': body === undefined ? undefined : 'application/json',
  }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  let text: string;
  try {
    const response = await fetch(url + path, {
      method,
      headers,
      signal: AbortSignal.timeout(waitMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    text = await response.text();
  } catch (thrown) {
    throw unreachable(url, thrown);
  }
  return parseAnswer(url, text);
}

/** The data of the answer. @throws the error of the answer; ERR_CONNECTION_FAILED */
export async function askFor(target: Target, path: string): Promise<unknown> {
  const answer = await ask(target, path);
  if (answer.status === 'ok') return answer.data;
  throw new AnswerError(answer.error);
}

/** A refusal of the host, told as it came. */
export class AnswerError extends Error {
  readonly report: ErrorReport;

  constructor(report: ErrorReport) {
    super(report.message);
    this.report = report;
  }
}

function parseAnswer(url: string, text: string): Answer {
  try {
    const answer = JSON.parse(text) as Answer;
    if (answer.status === 'ok' || answer.status === 'error') return answer;
  } catch {
    // Not one of ours, then.
  }
  const message = `${url} answers, but not as Granary does: ${text.slice(0, 80)}`;
  throw new GrainError('ERR_CONNECTION_FAILED', { message });
}

function unreachable(url: string, thrown: unknown): GrainError {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  const code = (cause as NodeJS.ErrnoException).code;
  const reasons: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'there is no such host',
    ECONNRESET: 'the connection was closed before the answer came',
  };
  const isLate = thrown instanceof Error && thrown.name === 'TimeoutError';
  const said = cause instanceof Error ? cause.message : String(cause);
  const reason = isLate ? 'it does not answer in time' : (reasons[code ?? ''] ?? said);
  return new GrainError('ERR_CONNECTION_FAILED', { message: `${url}: ${reason}` }, { cause: thrown });
}

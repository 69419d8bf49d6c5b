import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SseParser } from '../../../silo/internal.ts';

function parse(pieces: readonly string[]): unknown[] {
  const parser = new SseParser();
  return pieces.flatMap((piece) => parser.push(piece));
}

describe('silo/models: SSE parser', () => {
  it('Parser: fields, comments, several lines of data and all three line ends, read as the standard says', () => {
    const text =
      '\uFEFF: hi\nevent: error\rdata: a\r\ndata:b\ndata\n\nid: 4\nretry: 9\n\ndata:  two\n\ndata: unfinished\n';
    assert.deepEqual(parse([text]), [
      { type: 'error', data: 'a\nb\n' },
      { type: 'message', data: ' two' },
    ]);
  });

  it('Parser: any text cut into any pieces, the same events', () => {
    const part = fc.constantFrom(
      'data: x',
      'data:',
      'event: e',
      ': c',
      'y',
      '\n',
      '\r',
      '\r\n',
      '\n\n',
      '\r\n\r\n',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), fc.array(fc.nat(8), { minLength: 1 }), (parts, cuts) => {
        const text = parts.join('');
        const pieces: string[] = [];
        for (let at = 0, turn = 0; at < text.length; turn += 1) {
          const length = cuts[turn % cuts.length] ?? 0;
          pieces.push(text.slice(at, at + length + (turn % 2)));
          at += length + (turn % 2);
        }
        assert.deepEqual(parse(pieces), parse([text]));
      }),
    );
  });
});

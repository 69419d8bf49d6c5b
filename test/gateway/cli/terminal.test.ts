import assert from 'node:assert/strict';
import { fit, printable, systemTerminal, widthOf } from '../../../gateway/internal.ts';

const stream = (isTTY: boolean): NodeJS.WriteStream =>
  ({ isTTY, write: () => true }) as unknown as NodeJS.WriteStream;
const painted = (isTTY: boolean, env: Record<string, string>): boolean => {
  const terminal = systemTerminal({ stdout: stream(isTTY), stderr: stream(isTTY), env });
  return terminal.paint('red', 'x') !== 'x';
};

describe('Terminal', () => {
  it('colours: only at a terminal, never with NO_COLOR or a dumb one, with FORCE_COLOR always', () => {
    assert.equal(painted(true, {}), true);
    assert.equal(painted(false, {}), false);
    assert.equal(painted(true, { NO_COLOR: '1' }), false);
    assert.equal(painted(true, { NO_COLOR: '' }), true);
    assert.equal(painted(true, { TERM: 'dumb' }), false);
    assert.equal(painted(false, { FORCE_COLOR: '1' }), true);
    assert.equal(painted(true, { FORCE_COLOR: '1', NO_COLOR: '1' }), false);
  });

  it('fit: text that is too wide is cut, colours are not counted and still end', () => {
    assert.equal(fit('abcdef', 6), 'abcdef');
    assert.equal(fit('abcdefg', 6), 'abcde…');
    const red = '\u001b[31mabcdefg\u001b[39m';
    assert.equal(widthOf(red), 7);
    assert.equal(fit(red, 6), '\u001b[31mabcde\u001b[39m…');
  });

  it('printable: control characters and direction marks of a key cannot steer the terminal', () => {
    assert.equal(printable('a\u001b[2Jb\u202ec\nd'), 'a\ufffd[2Jb\ufffdc\ufffdd');
  });
});

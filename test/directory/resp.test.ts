import assert from 'node:assert/strict';
import { RedisRefusal, type RedisReply } from '../../directory/index.ts';
import { hashTag, RespReader, RespWriter, slotOf } from '../../directory/internal.ts';

function read(chunks: readonly Buffer[]): (RedisReply | RedisRefusal)[] {
  const replies: (RedisReply | RedisRefusal)[] = [];
  const reader = new RespReader(
    (reply) => replies.push(reply),
    (refusal) => replies.push(refusal),
  );
  for (const chunk of chunks) reader.write(chunk);
  return replies;
}

const STREAM = Buffer.from(
  '+OK\r\n:-42\r\n$-1\r\n$0\r\n\r\n$5\r\na\r\nbc\r\n*-1\r\n*0\r\n-MOVED 7 h:1\r\n' +
    '*3\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1\r\n*0\r\n*2\r\n-ERR inner\r\n:1\r\n:1234567890123\r\n',
);
const REPLIES = [
  'OK',
  -42,
  null,
  Buffer.alloc(0),
  Buffer.from('a\r\nbc'),
  null,
  [],
  new RedisRefusal('MOVED 7 h:1'),
  [1, [Buffer.from('x'), null], []],
  new RedisRefusal('ERR inner'),
  1_234_567_890_123,
];

describe('Redis protocol', () => {
  it('Reader: a stream in one piece, in single bytes and cut at every place, gives the same replies', () => {
    assert.deepEqual(read([STREAM]), REPLIES);
    assert.deepEqual(read([...STREAM].map((byte) => Buffer.from([byte]))), REPLIES);
    for (let at = 1; at < STREAM.length; at += 1) {
      assert.deepEqual(read([STREAM.subarray(0, at), STREAM.subarray(at)]), REPLIES, `cut at ${at}`);
    }
  });

  it('Reader: what is no reply, throws', () => {
    const wrong = ['hello\r\n', ':4x\r\n', '$9999999999\r\n', '%1\r\n', '*1\r\n'.repeat(40)];
    for (const text of wrong) assert.throws(() => read([Buffer.from(text)]), /Redis sent/, text);
  });

  it('Writer: words of all kinds and sizes, are read as they were; what was taken stays as it is', () => {
    const writer = new RespWriter();
    const words = ['', 'GET', 'grün 😀', 'x'.repeat(300_000), 'y'.repeat(99), 'z'.repeat(1_000)];
    const taken: Buffer[] = [];
    for (let round = 0; round < 20; round += 1) {
      writer.begin(words.length + 2);
      for (const word of words) writer.word(word);
      writer.word(round);
      writer.word(Uint8Array.of(0, 13, 10, 255));
      taken.push(writer.take());
    }
    assert.equal(writer.isEmpty, true);
    const replies = read(taken);
    assert.equal(replies.length, 20);
    replies.forEach((reply, round) => {
      const want = [...words, `${round}`].map((word) => Buffer.from(word));
      assert.deepEqual(reply, [...want, Buffer.of(0, 13, 10, 255)]);
    });
  });

  it('Slots: of the examples of the specification, with and without tags, are as Redis has them', () => {
    assert.equal(slotOf('123456789'), 0x31c3);
    assert.equal(slotOf('{user1000}.following'), slotOf('{user1000}.followers'));
    assert.equal(hashTag('foo{}{bar}'), 'foo{}{bar}');
    assert.equal(hashTag('foo{{bar}}zap'), '{bar');
    assert.equal(hashTag('foo{bar}{zap}'), 'bar');
  });
});

import assert from 'node:assert/strict';
import {
  backoffMs,
  compareUtf8,
  FakeClock,
  Fifo,
  fromBase64,
  hash53,
  isWellFormed,
  randomBelow,
  randomOf,
  SeededRng,
  toBase64,
  utf8Length,
} from '../../lib/index.ts';
import { systemClock, systemRng } from '../../lib/internal.ts';

const TEXTS = [
  '',
  'a',
  'é',
  '\u20ac',
  '\u{1F600}',
  '\uFFFF',
  '\uD7FF',
  'a\u{10FFFF}b',
  'z\uFF5E',
  'aé\u20ac\u{1F600}',
];

describe('Fifo', () => {
  it('looks like an array at every size, over many rounds through the ring', () => {
    const rng = new SeededRng(1);
    const fifo = new Fifo<number>();
    const model: number[] = [];
    for (let step = 0; step < 20_000; step += 1) {
      const dice = rng.next();
      if (dice < 0.5) (fifo.push(step), model.push(step));
      else if (dice < 0.6) (fifo.unshift(step), model.unshift(step));
      else if (dice < 0.98) assert.equal(fifo.shift(), model.shift());
      else {
        const isWanted = (item: number): boolean => item % 3 !== 0;
        fifo.retain(isWanted);
        model.splice(0, model.length, ...model.filter(isWanted));
      }
      assert.equal(fifo.size, model.length);
      assert.equal(fifo.peek(), model[0]);
    }
  });

  it('empty, it gives nothing and stays empty', () => {
    const fifo = new Fifo<number>();
    assert.deepEqual([fifo.shift(), fifo.peek(), fifo.size], [undefined, undefined, 0]);
    fifo.unshift(1);
    assert.deepEqual([fifo.shift(), fifo.size], [1, 0]);
  });
});

describe('Bytes and text', () => {
  it('UTF-8 lengths are those of the platform’s encoder', () => {
    for (const text of [...TEXTS, '\ud800', 'a\udc00b', '\ud800\ud800\udc00'])
      assert.equal(utf8Length(text), Buffer.byteLength(text), JSON.stringify(text));
  });

  it('text is well formed unless half a surrogate pair is in it', () => {
    for (const text of TEXTS) assert.ok(isWellFormed(text), JSON.stringify(text));
    for (const text of ['\ud800', '\udc00', 'a\ud800b', '\udc00\ud800', '\ud83d\ud83d\ude00'])
      assert.ok(!isWellFormed(text), JSON.stringify(text));
  });

  it('texts compare as their UTF-8 bytes do', () => {
    for (const left of TEXTS)
      for (const right of TEXTS) {
        const expected = Buffer.compare(Buffer.from(left), Buffer.from(right));
        assert.equal(
          Math.sign(compareUtf8(left, right)),
          expected,
          `${JSON.stringify(left)} ${JSON.stringify(right)}`,
        );
      }
  });

  it('base64 is that of the platform, both ways, at every length', () => {
    const rng = new SeededRng(3);
    for (let length = 0; length < 70; length += 1) {
      const bytes = Uint8Array.from({ length }, () => randomBelow(rng, 256));
      const text = toBase64(bytes);
      assert.equal(text, Buffer.from(bytes).toString('base64'));
      assert.deepEqual(fromBase64(text), bytes);
    }
  });

  it('what is not base64, is told so', () => {
    for (const text of ['a', 'ab', 'abc', 'a===', '=abc', 'ab=c', 'ab c', 'ab-_', 'YQ==\n', 'YQ'])
      assert.equal(fromBase64(text), undefined, JSON.stringify(text));
  });
});

describe('Randomness, hashes and delays', () => {
  it('a seed gives the same numbers again, and another seed others', () => {
    const numbers = (seed: number): number[] => {
      const rng = new SeededRng(seed);
      return Array.from({ length: 20 }, () => rng.next());
    };
    assert.deepEqual(numbers(5), numbers(5));
    assert.notDeepEqual(numbers(5), numbers(6));
    for (const number of numbers(7)) assert.ok(number >= 0 && number < 1);
  });

  it('each of a few choices comes about as often', () => {
    const rng = new SeededRng(11);
    const counts = [0, 0, 0, 0];
    for (let round = 0; round < 8_000; round += 1) {
      const choice = randomBelow(rng, 4);
      counts[choice] = (counts[choice] ?? 0) + 1;
    }
    for (const count of counts) assert.ok(count > 1_800 && count < 2_200, String(counts));
    assert.equal(randomOf(rng, []), undefined);
    assert.equal(randomOf(rng, ['only']), 'only');
  });

  it('hexadecimal of n bytes has 2 n digits, of the machine’s randomness too', () => {
    assert.match(new SeededRng(1).hex(16), /^[0-9a-f]{32}$/);
    assert.match(systemRng.hex(16), /^[0-9a-f]{32}$/);
    assert.notEqual(systemRng.hex(16), systemRng.hex(16));
  });

  it('hashes are whole numbers of 53 bits, and differ where texts do', () => {
    const hashes = new Set<number>();
    for (let index = 0; index < 20_000; index += 1) hashes.add(hash53(`text ${index}`));
    assert.equal(hashes.size, 20_000);
    for (const hash of hashes) assert.ok(Number.isSafeInteger(hash) && hash >= 0);
    assert.equal(hash53('a'), hash53('a'));
    assert.notEqual(hash53('a', 1), hash53('a'));
  });

  it('delays double up to the most, however many failures', () => {
    const options = { firstMs: 50, mostMs: 30_000 };
    assert.deepEqual(
      [1, 2, 3, 10, 11, 5_000].map((count) => backoffMs(count, options)),
      [50, 100, 200, 25_600, 30_000, 30_000],
    );
  });
});

describe('FakeClock', () => {
  it('runs timers in order of their times, then of setting, each at its own time', () => {
    const clock = new FakeClock({ defer: (run) => run() });
    const seen: string[] = [];
    const at = (name: string, delayMs: number): void => {
      clock.setTimer(delayMs, () => seen.push(`${name}@${clock.nowMs()}`));
    };
    at('b', 20);
    at('a', 10);
    at('c', 20);
    clock.setTimer(5, () => at('nested', 7));
    const cancelled = clock.setTimer(15, () => seen.push('never'));
    cancelled.cancel();
    clock.advance(30);
    assert.deepEqual(seen, ['a@10', 'nested@12', 'b@20', 'c@20']);
    assert.equal(clock.nowMs(), 30);
  });

  it('a jump of the wall clock moves no timer, a stall runs none', () => {
    const clock = new FakeClock({ defer: (run) => run(), wallMs: 1_000 });
    let ran = 0;
    clock.setTimer(100, () => (ran += 1));
    clock.jumpWall(-5_000);
    assert.deepEqual([clock.wallMs(), clock.nowMs()], [-4_000, 0]);
    clock.stall(500);
    assert.deepEqual([ran, clock.nowMs()], [0, 500]);
    clock.advance(0);
    assert.equal(ran, 1);
  });
});

describe('The machine’s clock', () => {
  it('goes on, runs timers and deferred work, and forgets what was cancelled', async () => {
    const before = systemClock.nowMs();
    const seen: string[] = [];
    systemClock.setTimer(1, () => seen.push('never')).cancel();
    const timers = [systemClock.setTimer(2 ** 40, () => seen.push('overflow'))];
    await new Promise<void>((resolve) => systemClock.setTimer(2, resolve));
    await new Promise<void>((resolve) => systemClock.defer(resolve));
    for (const timer of timers) timer.cancel();
    assert.deepEqual(seen, []);
    assert.ok(systemClock.nowMs() >= before + 1);
    assert.ok(systemClock.wallMs() > 1_700_000_000_000);
  });
});

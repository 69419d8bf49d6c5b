// Whatever a program looks like: stopping at every checkpoint and going on elsewhere comes to the same as never stopping.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { CoreEngine, type IRBlock, type IRStmt, type JsonValue } from '../../../../lib/lang/index.ts';
import {
  assign,
  attempt,
  call,
  checkpoint,
  field,
  flow,
  flowCall,
  foreach,
  giveBack,
  inner,
  lit,
  method,
  moduleOf,
  object,
  op,
  ref,
  resolveAll,
  rigid,
  testEnv,
  when,
  yields,
} from './ir-kit.ts';

const NAMES = ['a', 'b', 'c'];
/** What the program is made of; `ask` is a checkpoint, or, where nothing is to stop, its decision at once. */
type Piece = (ask: (site: number) => IRBlock) => IRBlock;
let sites = 0;

const name = fc.constantFrom(...NAMES);
const small = fc.integer({ min: 0, max: 5 });

const { pieces } = fc.letrec<{ piece: Piece; pieces: readonly Piece[] }>((tie) => {
  const body = tie('pieces') as fc.Arbitrary<readonly Piece[]>;
  const step = fc.tuple(name, name, small).map(
    ([to, from, by]): Piece =>
      () =>
        rigid(assign(to, op(op(op(from, '*', 3), '+', by), '%', 1009))),
  );
  const question = fc.tuple(name, small).map(([to, by]): Piece => {
    const site = (sites += 1);
    return (ask) => rigid(inner(ask(site)), assign(to, op(op('answer', '+', by), '%', 1009)));
  });
  const branch = fc.tuple(name, small, body, body).map(([of, by, then, otherwise]): Piece => (ask) => {
    const stmts = (list: readonly Piece[]): IRStmt[] => list.map((each) => inner(each(ask)));
    return rigid(when(op(op(of, '%', 3), '<', by % 3), stmts(then), stmts(otherwise)));
  });
  const each = fc.tuple(small, body, name).map(
    ([count, list, to]): Piece =>
      (ask) =>
        rigid(
          inner(
            foreach(
              'item',
              call('range', lit(count % 4)),
              [...list.map((one) => one(ask)), rigid(yields(to))],
              {
                index: 'at',
                result_binding: 'collected',
              },
            ),
          ),
          assign(to, op(op(to, '+', method('collected', 'array', 'sum')), '%', 1009)),
        ),
  );
  const turns = fc.tuple(small, body, fc.boolean()).map(([count, list, stops]): Piece => (ask) => ({
    kind: 'while',
    condition: op('a', '>=', 0),
    max_iterations: (count % 3) + 1,
    is_lenient: true,
    body: [
      ...list.map((one) => one(ask)),
      rigid(...(stops ? [when(op(op('a', '%', 2), '==', 0), [{ kind: 'break' }])] : [])),
    ],
  }));
  const guarded = fc.tuple(body, body, name).map(
    ([list, rescue, of]): Piece =>
      (ask) =>
        attempt(
          [
            ...list.map((one) => one(ask)),
            rigid(
              when(op(op(of, '%', 2), '==', 0), [{ kind: 'expression', expression: call('fail', lit('x')) }]),
            ),
          ],
          [{ error_type: 'FailError', binding: 'error', body: rescue.map((one) => one(ask)) }],
        ),
  );
  const budget = body.map((list): Piece => (ask) => ({
    kind: 'budget',
    limits: { max_llm_calls: 3 },
    body: list.map((one) => one(ask)),
  }));
  const choice = fc.tuple(name, body, body).map(([of, one, other]): Piece => (ask) => ({
    kind: 'match',
    subject: op(of, '%', 2),
    arms: [
      { pattern: { kind: 'literal', value: 0 }, body: one.map((piece) => piece(ask)), value: lit(1) },
      { pattern: { kind: 'any' }, body: other.map((piece) => piece(ask)) },
    ],
    result_binding: 'chosen',
  }));
  const called = fc.tuple(name, name).map(
    ([to, from]): Piece =>
      () =>
        rigid(flowCall('other', [ref(from)], 'got'), assign(to, field('got', 'a'))),
  );
  const simple = fc.oneof(step, question, called);
  return {
    piece: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      simple,
      branch,
      each,
      turns,
      guarded,
      budget,
      choice,
    ),
    pieces: fc.array(tie('piece') as fc.Arbitrary<Piece>, { maxLength: 3, depthIdentifier: 'pieces' }),
  };
});

const answer = (site: number): number => site * 7 + 1;
const asking = (site: number): IRBlock => checkpoint('answer', { present: lit(site) });
const knowing = (site: number): IRBlock => rigid(assign('answer', answer(site)));

function moduleWith(
  main: readonly Piece[],
  other: readonly Piece[],
  ask: (site: number) => IRBlock,
): ReturnType<typeof moduleOf> {
  const start = rigid(
    assign('b', 1),
    assign('c', 2),
    assign('answer', 0),
    assign('collected', { kind: 'list', items: [] }),
  );
  const end = rigid(giveBack(object({ a: 'a', b: 'b', c: 'c', answer: 'answer', collected: 'collected' })));
  // The called flow calls nothing itself.
  const leaf = other.filter((piece) => !JSON.stringify(piece(asking)).includes('flow_call'));
  return moduleOf([
    flow('main', ['a'], [start, ...main.map((piece) => piece(ask)), end]),
    flow('other', ['a'], [start, ...leaf.map((piece) => piece(ask)), end]),
  ]);
}

describe('Checkpoints: any program', () => {
  it('Suspended at every checkpoint: the same output as without', async () => {
    let suspended = 0;
    await fc.assert(
      fc.asyncProperty(pieces, pieces, small, async (main, other, a) => {
        const request = { flow: 'main', input: { a } };
        const plain = await CoreEngine.load(moduleWith(main, other, knowing), testEnv()).invoke(request);
        const module = moduleWith(main, other, asking);
        const { result, records } = await resolveAll(module, testEnv(), request, ({ payload }) => ({
          decision: answer(payload as number),
        }));
        suspended += records.length;
        if (result.status === 'SUSPENDED') return;
        const told = (found: typeof plain): JsonValue => found.output ?? found.error?.errorType ?? null;
        assert.deepEqual(told(result), told(plain));
      }),
      { numRuns: 80, seed: 7 },
    );
    assert.ok(suspended > 100, `only ${suspended} suspensions`);
  });
});

import assert from 'node:assert/strict';
import {
  defineCore,
  entity,
  GrainError,
  isCore,
  list,
  map,
  singleton,
  stateless,
  toJsonSchema,
  value,
} from '../../lib/index.ts';

type Spec = Parameters<typeof defineCore>[0];
type Flows = (flow: (spec: object) => never) => Record<string, never>;

/** As a user of plain JavaScript would call it. */
function define(spec: object, flows: Flows = () => ({})): ReturnType<ReturnType<typeof defineCore>['flows']> {
  return defineCore({ name: 'c', version: '1.0.0', ...spec } as Spec).flows(flows as never);
}

function problemOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof GrainError ? `${error.code}: ${error.message}` : String(error);
  }
  return 'ok';
}

const run = (): number => 1;

describe('defineCore', () => {
  it('resolves what is given over the defaults, frozen', () => {
    const { definition } = defineCore({
      name: 'c',
      version: '1.2.3-beta.1',
      memory: { count: 0, last: value<string | null>(null), byKey: map<number>(), log: list<string>() },
      events: { happened: 'go' },
      on: { 'core://other/event': 'go' },
    }).flows((flow) => ({ go: flow({ run }) }));
    const { instance, level, schema, emissionsKept, fields, flows, events, on } = definition;
    assert.deepEqual(
      [instance.mode, instance.maxConcurrent, level, schema, emissionsKept],
      ['stateless', 1_000, 'committed', 1, 1_000],
    );
    assert.deepEqual(
      fields.map(({ name, kind, initial }) => [name, kind, initial]),
      [
        ['count', 'value', 0],
        ['last', 'value', null],
        ['byKey', 'map', undefined],
        ['log', 'list', undefined],
      ],
    );
    assert.deepEqual(
      [[...flows.keys()], [...events], [...on]],
      [['go'], [['happened', 'go']], [['core://other/event', 'go']]],
    );
    assert.ok(Object.isFrozen(definition) && Object.isFrozen(instance));
    assert.equal(flows.get('go')?.timeLimitMs, 30_000);
  });

  it('defaults of memory are taken as they were: changed later they change no grain', () => {
    const tags = ['a'];
    const core = define({ memory: { tags } });
    tags.push('b');
    assert.deepEqual(core.definition.fields[0]?.initial, ['a']);
    assert.ok(Object.isFrozen(core.definition.fields[0]?.initial));
  });

  it('the three modes have their options', () => {
    assert.equal(entity({ entityKey: 'id' }).resolved.maxConcurrent, 1);
    assert.equal(singleton().resolved.mode, 'singleton');
    assert.equal(stateless({ maxConcurrent: 5 }).resolved.maxConcurrent, 5);
  });

  const REFUSED: readonly (readonly [what: string, run: () => unknown, told: RegExp])[] = [
    ['no name', () => define({ name: undefined }), /name must be a letter/],
    ['a name with a space', () => define({ name: 'a b' }), /name must be a letter/],
    ['no version', () => define({ version: undefined }), /version must be MAJOR\.MINOR\.PATCH/],
    ['a version of two parts', () => define({ version: '1.0' }), /version must be/],
    ['a schema of 0', () => define({ schema: 0 }), /schema must be a whole number/],
    [
      'a schema without its migration',
      () => define({ schema: 3, migrate: { 2: run } }),
      /schema 3 needs migrate\[3\]/,
    ],
    ['a migration to nowhere', () => define({ migrate: { 2: run } }), /leads to no schema/],
    ['an unknown level', () => define({ level: 'commited' }), /level must be committed, async or volatile/],
    [
      'an unknown level of a flow',
      () => define({}, (flow) => ({ go: flow({ run, level: 'sync' }) })),
      /level must be/,
    ],
    [
      'an unknown way to read',
      () => define({}, (flow) => ({ go: flow({ run, read: 'chekced' }) })),
      /read must be local or checked/,
    ],
    [
      'readonly that is no boolean',
      () => define({}, (flow) => ({ go: flow({ run, readonly: 'no' }) })),
      /readonly must be true or false/,
    ],
    [
      'an unknown option of a flow',
      () => define({}, (flow) => ({ go: flow({ run, timeout: 5 }) })),
      /unknown option timeout/,
    ],
    [
      'an unknown option of the Core',
      () => define({ memroy: {} }),
      /unknown option memroy; did you mean memory\?/,
    ],
    ['a flow without run', () => define({}, (flow) => ({ go: flow({}) })), /run must be a function/],
    [
      'a time limit of 0',
      () => define({}, (flow) => ({ go: flow({ run, timeLimitMs: 0 }) })),
      /timeLimitMs must be/,
    ],
    [
      'an input that is no schema',
      () => define({}, (flow) => ({ go: flow({ run, input: { type: 'string' } }) })),
      /input must be a Standard Schema/,
    ],
    [
      'an output that is no schema',
      () => define({}, (flow) => ({ go: flow({ run, output: {} }) })),
      /output must be a Standard Schema/,
    ],
    ['emissionsKept below 0', () => define({ emissionsKept: -1 }), /emissionsKept must be/],
    ['emissionsKept that is no number', () => define({ emissionsKept: Number.NaN }), /emissionsKept must be/],
    ['an event without its flow', () => define({ events: { a: 'nope' } }), /events\['a'\] names nope/],
    ['an event that names a member of Object', () => define({ events: { a: 'toString' } }), /names toString/],
    [
      'a subscription that is no address',
      () => define({ on: { 'other/event': 'go' } }, (flow) => ({ go: flow({ run }) })),
      /must be core:\/\/name\/event/,
    ],
    ['a field called update', () => define({ memory: { update: 1 } }), /may not be called update/],
    [
      'a field called constructor',
      () => define({ memory: { constructor: 1 } }),
      /may not be called constructor/,
    ],
    ['a field with a control character', () => define({ memory: { 'a\u0000b': 1 } }), /may not be called/],
    ['a field of 300 letters', () => define({ memory: { ['x'.repeat(300)]: 1 } }), /may not be called/],
    ['a default that is no value', () => define({ memory: { at: new Date(0) } }), /default of memory\.at/],
    ['an entityKey that is no text', () => entity({ entityKey: undefined as never }), /entityKey must/],
    [
      'an unknown option of the instance',
      () => entity({ entityKey: 'id', maxconcurrent: 2 } as never),
      /did you mean maxConcurrent/,
    ],
    ['an unknown overflow', () => entity({ entityKey: 'id', overflow: 'drop' as never }), /overflow must be/],
    ['maxConcurrent of 0', () => singleton({ maxConcurrent: 0 }), /maxConcurrent must be/],
    [
      'an entity key for a singleton',
      () => singleton({ entityKey: 'id' } as never),
      /unknown option entityKey/,
    ],
  ];
  for (const [what, attempt, told] of REFUSED) {
    it(`refuses ${what}`, () => {
      const problem = problemOf(attempt);
      assert.match(problem, /^ERR_(CORE|OPTION|VALUE)_INVALID: /);
      assert.match(problem, told);
    });
  }

  it('refuses flows whose names the language asks objects for, so that every flow can be called by a reference', () => {
    for (const name of ['then', 'constructor', 'toJSON', 'toString', 'valueOf', '__proto__', 'a b', '9a'])
      assert.match(
        problemOf(() => define({}, (flow) => Object.fromEntries([[name, flow({ run })]]))),
        /a flow may not be called/,
        name,
      );
    for (const name of ['hasOwnProperty', 'catch', 'name', 'length'])
      assert.equal(
        problemOf(() => define({}, (flow) => Object.fromEntries([[name, flow({ run })]]))),
        'ok',
        name,
      );
  });

  it('a Core is known by its brand, also across two copies of the package', () => {
    assert.ok(isCore(define({})));
    for (const other of [null, 5, {}, { definition: null }, { definition: {} }, run])
      assert.ok(!isCore(other));
    const foreign = { definition: { [Symbol.for('granary.core')]: true } };
    assert.ok(isCore(foreign));
  });

  it('a schema that cannot say itself as JSON Schema, says nothing', () => {
    const schema = (jsonSchema: unknown): never =>
      ({ '~standard': { version: 1, vendor: 'x', validate: run, jsonSchema } }) as never;
    assert.equal(toJsonSchema(undefined), undefined);
    assert.equal(toJsonSchema(schema(undefined)), undefined);
    assert.deepEqual(toJsonSchema(schema({ input: () => ({ type: 'string' }) })), { type: 'string' });
    const throwing = (): never => {
      throw new Error('a transform');
    };
    assert.equal(toJsonSchema(schema({ input: throwing })), undefined);
  });
});

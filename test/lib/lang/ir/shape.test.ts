// The shape check: each way in which a module can be wrong, told with its place; and that no change of a module gets
// through which the passes behind the check would stumble over.
import assert from 'node:assert/strict';
import { GrainError, randomBelow, SeededRng } from '../../../../lib/index.ts';
import {
  compile,
  disassemble,
  IRSerializer,
  type IRModule,
  jsonSchemaOf,
  manifestOf,
  verifyModule,
} from '../../../../lib/lang/index.ts';

const SOURCE = `
@core Desk {
    version = "1.0.0"
    instance = :entity(key = "id") { idle_timeout = 20m }
    @models { primary = { model = "m" } }
    @plugins { files = acme/drive@1.0 }
    @memory { count: int, totals: map[string, money] }
    @reference { rates: map[string, float] }
    @config { @param limit: int = 5 }
    @triggers { @schedule nightly { flow = f, cron = "0 2 * * *" } }
    @on closed from core://helpdesk { flow = f }
}
@types { type Item = { name: string, price: money } }
@transformer double(n: int): int { return n * 2 }
@transformer touch(n: int): int { memory.count = n  return n }
@flow f(id: string, items: array[Item], size: int = 1): int {
    names = items.map(item => item.name.upper())
    total = items.sum(item => double(size))
    files.write(id, names)
    memory.totals.set(id, 1.00)
    moment = now()
    answer = @guarded {
        goal = "do it"
        input = { names: names }
        output = Item
        guard = { input.names.length > 0 }
        validate = { output.price > 0.00 }
    }
    found = @foreach item, index in items {
        if item.price > 2.00 { break }
        yield index
    }
    both = @parallel { a = @rigid { yield 1 }  b = @rigid { yield 2 } }
    word = match answer.name { "" => "none"  _ => answer.name }
    emit done { word = word, at = moment, total = total, both = both, found = found }
    return double(size)
}
`;

function base(): IRModule {
  const { module, diagnostics } = compile(SOURCE);
  assert.ok(module, diagnostics.map(({ code, message }) => `${code} ${message}`).join('\n'));
  return module;
}

type Tree = { [key: string]: Tree } & Tree[];
const serializer = new IRSerializer();

function refusal(module: unknown): string {
  try {
    serializer.deserialize(JSON.stringify(module));
  } catch (error) {
    assert.ok(error instanceof GrainError, String(error));
    assert.equal(error.code, 'ERR_BUNDLE_INVALID');
    return error.message;
  }
  return assert.fail('it was taken');
}

/** The first node of a kind in a flow, wherever it stands. */
function nodeOf(tree: Tree, kind: string): Tree {
  const pending: unknown[] = [tree['flows']];
  for (let at = pending.shift(); at !== undefined; at = pending.shift()) {
    if (typeof at !== 'object' || at === null) continue;
    if ((at as { kind?: unknown }).kind === kind) return at as Tree;
    pending.push(...(Object.values(at) as unknown[]));
  }
  return assert.fail(`there is no ${kind}`);
}

type Change = (module: Tree) => void;
const set =
  (path: string, value: unknown): Change =>
  (module) => {
    const steps = path.split('.');
    const last = steps.pop() ?? '';
    const at = steps.reduce<Tree>((tree, step) => tree[step] as Tree, module);
    if (value === undefined) delete at[last];
    else at[last] = value as Tree;
  };
const setIn =
  (kind: string, path: string, value: unknown): Change =>
  (module) => {
    set(path, value)(nodeOf(module, kind));
  };
const lambda = { kind: 'lambda', params: ['x'], body: { kind: 'ref', name: 'x' } };
const one = { kind: 'literal', value: 1 };

const CASES: Readonly<Record<string, readonly [Change, RegExp]>> = {
  'a field that is unknown': [set('more', 1), /^more is no field that is known here/],
  'a field that is missing': [set('triggers', undefined), /^triggers is missing/],
  'a list that is an object': [set('triggers', {}), /^triggers has to be a list/],
  'a name with a path in it': [set('name', '../etc'), /^name has to be a name/],
  'a version that is none': [set('version', 'latest'), /^version has to be a version/],
  'an entity without a key': [set('instance.entity_key', undefined), /an entity without a key/],
  'a mode that is unknown': [set('instance.mode', 'many'), /^instance.mode has to be one of/],
  'a time that is negative': [set('instance.idle_timeout_ms', -1), /^instance.idle_timeout_ms has to be/],
  'a type that is unknown': [
    set('types.Item', { kind: 'set' }),
    /^types.Item has to be a type of a known kind/,
  ],
  'a type that is not declared': [set('memory.count', { kind: 'named', name: 'X' }), /there is no such type/],
  'a type that is only itself': [
    set('types.Item', { kind: 'optional', inner: { kind: 'named', name: 'Item' } }),
    /the type 'Item', which is only itself/,
  ],
  'a model without a name': [set('models.primary.model', undefined), /^models.primary.model is missing/],
  'a plugin twice': [
    (module) => {
      (module['plugins'] as Tree).push((module['plugins'] as Tree)[0] as Tree);
    },
    /the plugin 'files' twice/,
  ],
  'a flow twice': [set('functions.1.name', 'f'), /the flow 'f' twice/],
  'a trigger of a flow that is not there': [
    set('triggers.0.target_flow', 'g'),
    /^triggers\[0\].target_flow is 'g': there is no such flow/,
  ],
  'a trigger of a transformer': [set('triggers.0.target_flow', 'double'), /there is no such flow/],
  'an event of an address that is none': [
    set('subscriptions.0.source_core', 'http://x'),
    /the address of a core/,
  ],
  'an internal flow that is not there': [set('internal_flows', ['g']), /there is no such flow/],
  'a role of a flow among the functions': [set('functions.0.role', 'flow'), /^functions\[0\].role has to be/],
  'a parameter twice': [set('flows.0.params.1.name', 'id'), /the name 'id' of another parameter/],
  'a default that uses a later parameter': [
    set('flows.0.params.1.default', { kind: 'ref', name: 'size' }),
    /'size', which is no parameter before/,
  ],
  'a block of an unknown kind': [set('flows.0.body.0.kind', 'adaptive'), /has to be a block of a known kind/],
  'a statement of an unknown kind': [setIn('host_call', 'kind', 'goto'), /a statement of a known kind/],
  'an expression of an unknown kind': [setIn('literal', 'kind', 'eval'), /an expression of a known kind/],
  'an effect inside of an expression': [
    setIn('return', 'value', { kind: 'host_call', name: 'now', args: [] }),
    /an expression of a known kind/,
  ],
  'a lambda that is a value': [setIn('return', 'value', lambda), /an expression of a known kind/],
  'a lambda where a value is taken': [
    setIn('return', 'value', { kind: 'method', on: 'array', name: 'take', receiver: one, args: [lambda] }),
    /argument 'count' has to be a value/,
  ],
  'a value where a lambda is taken': [
    setIn('return', 'value', { kind: 'method', on: 'array', name: 'map', receiver: one, args: [one] }),
    /argument 'fn' has to be a lambda/,
  ],
  'a method that is unknown': [setIn('method', 'name', 'constructor'), /has no member 'constructor'/],
  'a property with arguments': [
    setIn('return', 'value', { kind: 'method', on: 'array', name: 'length', receiver: one, args: [] }),
    /is a property/,
  ],
  'a function that is unknown': [
    setIn('return', 'value', { kind: 'call', function: 'eval', args: [one] }),
    /calls 'eval': there is no such function/,
  ],
  'a host function that is unknown': [setIn('host_call', 'name', 'exit'), /the host has no such function/],
  'a name that is not bound': [
    setIn('return', 'value', { kind: 'ref', name: 'nobody' }),
    /the name 'nobody', which nothing in the flow is bound to/,
  ],
  'the name of a lambda outside of it': [
    setIn('return', 'value', { kind: 'ref', name: 'x' }),
    /the name 'x'/,
  ],
  'a name of the engine': [setIn('host_call', 'result_binding', '%pc'), /the name of a variable/],
  'a name that changes prototypes': [
    setIn('host_call', 'result_binding', '__proto__'),
    /the name of a variable/,
  ],
  'a plugin that is not there': [setIn('plugin_call', 'plugin', 'db'), /'db': there is no such plugin/],
  'a memory field that is not there': [setIn('memory_op', 'field', 'x'), /there is no such field of @memory/],
  'an operation of memory with too few arguments': [setIn('memory_op', 'args', []), /'set' takes 2 to 2/],
  'a reference that is not there': [
    setIn('return', 'value', { kind: 'reference', field: 'x' }),
    /there is no such field of @reference/,
  ],
  'a parameter of @config that is not there': [
    setIn('return', 'value', { kind: 'config', name: 'x' }),
    /there is no such parameter of @config/,
  ],
  'a model role that is not there': [setIn('guarded', 'llm_role', 'x'), /there is no such model/],
  'a call of a flow that is not there': [setIn('flow_call', 'flow', 'x'), /there is no such flow/],
  'a call with too many arguments': [setIn('flow_call', 'args', [one, one]), /where 'double' takes 1/],
  'a call inside of a lambda of something with effects': [
    setIn('pure_call', 'flow', 'touch'),
    /a call of 'touch', which is not pure/,
  ],
  'a break outside of a loop': [
    set('flows.0.body.0.statements', [{ kind: 'break' }]),
    /a break outside of a loop/,
  ],
  'a yield outside of a loop': [
    set('flows.0.body.0.statements', [{ kind: 'yield', value: one }]),
    /a yield outside/,
  ],
  'a return in a branch': [
    setIn('parallel', 'branches.0.body.0.statements', [{ kind: 'return' }]),
    /a return in a branch/,
  ],
  'a loop of no iterations': [
    set('flows.0.body.0', { kind: 'while', condition: one, max_iterations: 0, body: [] }),
    /max_iterations has to be a positive whole number/,
  ],
};

describe('shape of a module', () => {
  for (const [title, [change, message]] of Object.entries(CASES))
    it(`${title}, is refused with its place`, () => {
      const module = JSON.parse(JSON.stringify(base())) as Tree;
      change(module);
      assert.match(refusal(module), message);
    });

  it('a literal that holds __proto__, is refused with its place', () => {
    const text = JSON.stringify(base()).replace(
      /"kind":"literal","value":"none"/,
      '"kind":"literal","value":{"__proto__":1}',
    );
    assert.throws(() => serializer.deserialize(text), /reserved key '__proto__'/);
  });

  it('what stands in the metadata, is anybody’s', () => {
    const module = { ...base(), metadata: { flow: { nodes: [1, { x: null }] } } };
    assert.deepEqual(serializer.deserialize(JSON.stringify(module)).metadata, module.metadata);
  });

  it('a million parts, are too many, and are refused in time', () => {
    const many = new Array<object>(1_000_001).fill({});
    assert.match(refusal({ ...base(), metadata: { many } }), /has more than 1000000 parts/);
  });

  it('parts put in the places of others, are refused with a code or can be worked with', () => {
    const seed = Number(process.env['GRANARY_SEED'] ?? 41);
    const tries = Number(process.env['GRANARY_FUZZ'] ?? 60) * 10;
    const rng = new SeededRng(seed);
    const text = JSON.stringify(base());
    let takenCount = 0;
    for (let turn = 0; turn < tries; turn += 1) {
      const module = JSON.parse(text) as Tree;
      swap(module, rng);
      let taken: IRModule | undefined;
      try {
        taken = serializer.deserialize(JSON.stringify(module));
      } catch (error) {
        const isCoded = error instanceof GrainError && error.code === 'ERR_BUNDLE_INVALID';
        assert.ok(isCoded, `seed ${seed}, turn ${turn}: ${String(error)}`);
      }
      if (!taken) continue;
      takenCount += 1;
      verifyModule(taken);
      disassemble(taken);
      manifestOf(taken);
      for (const type of Object.values(taken.types)) jsonSchemaOf(type, taken.types);
    }
    assert.ok(takenCount < tries);
  });
});

/** Puts one part of the module where another one is, or takes it away. */
function swap(module: Tree, rng: SeededRng): void {
  const places: { readonly at: Tree; readonly key: string }[] = [];
  const pending: unknown[] = [module];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    if (typeof at !== 'object' || at === null) continue;
    for (const [key, value] of Object.entries(at)) {
      places.push({ at: at as Tree, key });
      pending.push(value);
    }
  }
  const pick = (): (typeof places)[number] => places[randomBelow(rng, places.length)] ?? assert.fail();
  const [to, from] = [pick(), pick()];
  if (randomBelow(rng, 4) === 0) delete to.at[to.key];
  else to.at[to.key] = JSON.parse(JSON.stringify(from.at[from.key] ?? null)) as Tree;
}

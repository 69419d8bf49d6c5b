import { strict as assert } from 'node:assert';
import { checkText, CORE, flowText, runCases } from './check-text.ts';

const ASK = 'goal = "g", input = n,';

describe('ScaiCore checker: blocks', () => {
  runCases('Models', {
    '@flexible gives its output': [`x = @flexible { ${ASK} output = { a: int } }\ny: int = x.a\nreturn y`],
    '@flexible without goal, E110': ['x = @flexible { input = n, output = Item }', 'E110 2:5'],
    '@flexible without output, E110': ['x = @flexible { goal = "g", input = n }', 'E110 2:5'],
    '@flexible without input and context, E110': ['x = @flexible { goal = "g", output = Item }', 'E110 2:5'],
    '@flexible with an unknown field, E111': [
      `x = @flexible { ${ASK} output = Item, goall = "x" }`,
      'E111 2:55',
    ],
    '@flexible with a field twice, E112': [`x = @flexible { ${ASK} output = Item, goal = "x" }`, 'E112 2:55'],
    '@flexible with a goal that is no text, E300': [
      'x = @flexible { goal = 1, input = n, output = Item }',
      'E300 2:24',
    ],
    'constraints with unknown fields, E111': [
      `x = @flexible { ${ASK} output = Item, constraints = { nver = ["a"] } }`,
      'E111 2:71',
    ],
    'examples that do not fit the output, E300': [
      `x = @flexible { ${ASK} output = { a: int }, examples = [{ input: 1, output: { a: "b" } }] }`,
      'E300 2:98',
    ],
    'on_failure, nothing said': [
      `x = @flexible { ${ASK} output = Item
       on_failure = { parse_error = retry(max = 2, with = "json") | escalate
       refusal = flag_and_checkpoint } }`,
    ],
    'on_failure of unknown classes and actions, E113': [
      `x = @flexible { ${ASK} output = Item
on_failure = {
parse_eror = escalate
refusal = escalat
low_confidence = retry(max = 0)
} }`,
      'E113 4:1',
      'E113 5:11',
      'E113 6:30',
    ],
    '@guarded knows input, output and result': [
      `x = @guarded { ${ASK} output = Item
       guard = { input > 0 }
       validate = { output.price > 0.00
       result.name.length > 0 } }`,
    ],
    'guard that is no bool, E308': [
      `x = @guarded { ${ASK} output = Item\nguard = { input + 1 } }`,
      'E308 3:11',
    ],
    'guard that asks memory, E312': [
      `x = @guarded { ${ASK} output = Item\nguard = { memory.names.length > 0 } }`,
      'E312 3:18',
    ],
    'validate with a pure call, nothing said': [
      `x = @guarded { ${ASK} output = Item\nvalidate = { good(output.name) } }`,
    ],
    'on_validation_failure that goes on, its value may come': [
      `x = @guarded { ${ASK} output = Item
       validate = { output.price > 0.00 }
       on_validation_failure = { memory.count = 1 } }
       return x.name`,
      'E311 5:15',
    ],
    '@model_call': [
      'x = @model_call { modality = :tts, llm = primary, input = text, output = url }\ny: url = x\nreturn y',
    ],
    '@model_call of an unknown modality, E113': [
      'x = @model_call { modality = :tss, input = text, output = url }',
      'E113 2:30',
    ],
    '@budget in a model block, E111': [
      `x = @flexible { ${ASK} output = Item, @budget { max_retry = 3 } }`,
      'E111 2:65',
    ],
  });

  runCases('Control', {
    '@parallel gives an object': [
      `r = @parallel (max_concurrent = 2, fail_fast = true) {
         a = double(n)
         b = loud(text)
       }
       x: int = r.a + a
       y: string = r.b + b
       return [x, y.length]`,
    ],
    '@parallel with an unknown option, E111': [
      'r = @parallel (max = 2) { a = double(n) }\nreturn r.a',
      'E111 2:16',
    ],
    '@foreach gives what was yielded': [
      'xs: array[string] = @foreach i in items { yield i.name }\nreturn xs',
    ],
    '@foreach over a map gives entries': [
      'xs: array[money] = @foreach e in memory.totals { yield e.value }\nreturn xs',
    ],
    '@foreach with an index': ['xs: array[int] = @foreach i, index in items { yield index }\nreturn xs'],
    '@foreach over a number, E300': ['@foreach i in n { memory.count = 1 }', 'E300 2:15'],
    '@foreach over what may be null, E311': ['@foreach i in items.first { memory.count = 1 }', 'E311 2:15'],
    '@foreach with max_concurrent 0, E113': [
      '@foreach i in items (max_concurrent = 0) { memory.count = 1 }',
      'E113 2:39',
    ],
    '@while with a bound': ['i = 0\n@while i < n (max_iterations = 10) { i = i + 1 }\nreturn i'],
    '@while without a bound, E401': ['i = 0\n@while i < n { i = i + 1 }', 'E401 3:1'],
    '@while with a bound that is none, E401': [
      '@while n > 0 (max_iterations = n) { memory.count = 1 }',
      'E401 2:32',
    ],
    '@while never, W404': ['@while false (max_iterations = 1) { memory.count = 1 }', 'W404 2:8'],
    'break and continue outside of loops, E310': ['break', 'E310 2:1'],
    'break in a parallel branch in a loop, E310': [
      '@foreach i in items { @parallel { @rigid { break } } }',
      'E310 2:44',
    ],
    'yield outside of loops, E310': ['yield 1', 'E310 2:1'],
    'yield in @while in @foreach, nothing said': [
      'xs = @foreach i in items { @while n > 1 (max_iterations = 2) { yield i.name } }\nreturn xs',
    ],
    'return in a parallel branch, E310': ['@parallel { @rigid { return 1 } }', 'E310 2:22'],
    '@budget, transparent': ['@budget { max_duration = 5m, max_llm_calls = 3\nx = double(n) }\nreturn x'],
    '@debug, what it sets may not be set, E200': ['@debug { x = 1 }\nreturn x', 'E200 3:8'],
    '@try gives what its body or catches give': [
      'x: int = @try { double(n) } @catch PluginError e { 0 }\nreturn x',
    ],
  });

  runCases('Outside', {
    '@checkpoint with options, a union of them': [
      `d = @checkpoint approval { present = { prompt = "p", payload = n }, options = ["yes", "no"], timeout = 1h, on_timeout = "no" }
       return match d { "yes" => 1  "no" => 2 }`,
    ],
    '@checkpoint with options, one forgotten, E304': [
      'd = @checkpoint approval { options = ["yes", "no"] }\nreturn match d { "yes" => 1 }',
      'E304 3:14',
    ],
    '@checkpoint without options, dynamic': [
      'd = @checkpoint freeform { present = { prompt: "p" } }\nreturn d.anything',
    ],
    '@checkpoint of an unknown kind, E113': [
      'd = @checkpoint aproval { present = { prompt: "p" } }',
      'E113 2:17',
    ],
    '@checkpoint with an on_timeout that means nothing, E113': [
      'd = @checkpoint approval { options = ["yes"], on_timeout = "nope" }',
      'E113 2:60',
    ],
    '@checkpoint with a timeout that is none, E113': [
      'd = @checkpoint approval { timeout = "soon" }',
      'E113 2:38',
    ],
    '@checkpoint with arms, their values': [
      `x: int = @checkpoint approval { options = ["yes", "no"]
         on_response = { "yes" => { 1 } "no" => { 2 } } }
       return x`,
    ],
    '@core_call by interface': [
      'r: bool = @core_call core://shop/stock { flow = "reserve", input = { sku: text, count: n } }\nreturn r',
    ],
    '@core_call with a wrong input, E300': [
      'r = @core_call core://shop/stock { flow = "reserve", input = { sku: n, count: n } }',
      'E300 2:69',
    ],
    '@core_call of an unknown flow, E203': [
      'r = @core_call core://shop/stock { flow = "reserv", input = {} }',
      'E203 2:43',
    ],
    '@core_call without an interface, dynamic': [
      'r = @core_call core://shop/other { flow = "x", input = { a: 1 }, instance_key = text }\nreturn r.x',
    ],
    '@core_call without a target, E110': ['r = @core_call { flow = "x" }', 'E110 2:5'],
    '@await_responses gives a list': [
      `h = @core_call core://shop/stock { flow = "reserve", input = { sku: text, count: 1 }, is_async = true }
       rs = @await_responses { from = [h], mode = :all, timeout = 30s }
       return rs.length`,
    ],
    '@await_responses of an unknown mode, E113': [
      'rs = @await_responses { from = [], mode = :alll }',
      'E113 2:43',
    ],
    'emit with a field twice, E112': ['emit done { a = 1\na = 2 }', 'E112 3:1'],
  });

  runCases('Effects', {
    'plugin call in a lambda, E312': ['return items.map(i => files.read(i.name))', 'E312 2:23'],
    'memory in a lambda, E312': ['return items.map(i => memory.names.length)', 'E312 2:30'],
    'clock in a lambda, E312': ['return items.map(i => now())', 'E312 2:23'],
    'pure call in a lambda, nothing said': ['return items.map(i => loud(i.name))'],
    'call with effects in a lambda, E312': ['return items.map(i => touch(1))', 'E312 2:23'],
    'effect in the guard of an arm, E312': [
      'return match text { "a" if now() > now() => 1  _ => 2 }',
      'E312 2:28',
      'E312 2:36',
    ],
    'effects in statements, nothing said': [
      'x = files.read(text) ?? memory.names.first\nreturn [x, touch(1)]',
    ],
  });

  it('Effects: of a callable, with what it calls', () => {
    const { program } = checkText(`${flowText('x = files.read(text)\nreturn touch(n)')}
@transformer loops(n: int): int {
  @foreach i in [1] { x = i }
  return n
}
@transformer around(n: int): int { return if n > 1 { pure(n) } else { 0 } }
@transformer pure(n: int): int { return around(n - 1) }
@evaluator later(n: int): bool { return now() > 2026-01-01T00:00:00Z && n > 1 }`);
    const effectsOf = (name: string): string[] =>
      Object.entries(program.callables.get(name)?.effects ?? {}).flatMap(([effect, is]) =>
        is ? [effect] : [],
      );
    assert.deepEqual(effectsOf('f'), ['plugin', 'memoryWrite']);
    assert.deepEqual(effectsOf('touch'), ['memoryWrite']);
    assert.deepEqual(effectsOf('double'), ['isPure']);
    assert.deepEqual(effectsOf('loops'), []);
    assert.deepEqual(effectsOf('pure'), ['isPure']);
    assert.deepEqual(effectsOf('later'), ['nondeterministic']);
  });

  runCases(
    'Defaults',
    {
      'effect in a default, E312': ['@flow f(a: string = files.read("a")): string { return a }', 'E312 1:21'],
      'config in a default, nothing said': ['@flow f(a: int = config.limit): int { return a }'],
    },
    (text) =>
      checkText(text + CORE)
        .diagnostics.filter(({ code }) => code !== 'W401')
        .map(({ code, source, span }) => `${code} 1:${source.positionAt(span.start).column}`),
  );
});

import { runCases, saidOf } from './check-text.ts';

describe('ScaiCore checker: types', () => {
  runCases('Assignment', {
    'of the same type again, nothing said': ['x = 1\nx = 2'],
    'of another type, E300': ['x = 1\nx = "a"', 'E300 3:5'],
    'of a wider number, E300': ['x = 1\nx = 2.5', 'E300 3:5'],
    'with a type, int widens to float and money': [
      'x: float = 1\ny: money = 1\nz: money = 1.50\nreturn [x, y, z]',
    ],
    'of float to int, E300': ['x: int = 1.5', 'E300 2:10'],
    'of text to email, url and uuid, nothing said': [
      'x: email = text\ny: url = "u"\nz: uuid = "v"\nreturn [x, y, z]',
    ],
    'of null to an optional, nothing said': ['x: int? = null\nx = 1\nreturn x + 1'],
    'of null to what cannot be null, E300': ['x: int = null', 'E300 2:10'],
    'of an optional to what cannot be null, E311': ['x: string = maybe', 'E311 2:13'],
    'of an empty list, filled later, nothing said': ['x = []\nx = x.push(1)\nreturn x'],
    'of null, set later, nothing said': ['x = null\nif n > 1 { x = 5 }\nreturn x'],
    'of other symbols, the union of them': ['x = :small\nif n > 1 { x = :large }\ny: Kind = x\nreturn y'],
    'to a parameter, E307': ['n = 1', 'E307 2:1'],
    'to a field of a parameter, E307': ['items[0].name = "x"', 'E307 2:1'],
    'to reference by what memory has for it, E307': ['reference.rates.set(text, 1.0)', 'E307 2:17'],
    'to reference and config, E307': ['reference.rates = {}\nconfig.limit = 1', 'E307 2:1', 'E307 3:1'],
    'to fields of a variable': ['x = { a: 1, b: { c: "c" } }\nx.a = 2\nx.b.c = "d"\nreturn x'],
    'of a wrong type to a field, E300': ['x = { a: 1 }\nx.a = "b"', 'E300 3:7'],
    'to a field that is not there, E302': ['x = { a: 1 }\nx.b = 2', 'E302 3:3'],
    'to items': ['x = [1, 2]\nx[0] = 3\nm: map[string, int] = {}\nm["a"] = 1\nreturn [x.length, m.length]'],
    'of a wrong type to memory, E300': ['memory.count = "a"', 'E300 2:16'],
    'to a call, E307 or a complaint of the parser': ['memory.names = [text]'],
  });

  runCases('Objects', {
    'as declared, nothing said': ['x: Item = { name: text, price: 1.50, kind: :small }\nreturn x.price'],
    'without a field, E300': ['x: Item = { name: text, price: 1.50 }', 'E300 2:11'],
    'with an unknown field, E302': [
      'x: Item = { name: text, price: 1.5, kind: :small, size: 1 }',
      'E302 2:51',
    ],
    'with a field of a wrong type, E300 at the field': [
      'x: Item = { name: 5, price: 1.5, kind: :small }',
      'E300 2:19',
    ],
    'with a wrong symbol, E305': ['x: Item = { name: text, price: 1.5, kind: :smal }', 'E305 2:43'],
    'with a text for an enum, E300': ['x: Item = { name: text, price: 1.5, kind: "small" }', 'E300 2:43'],
    'with a field twice, E112': ['x = { a: 1, a: 2 }', 'E112 2:13'],
    'in a list, E300 at the item': ['x: array[int] = [1, "b", 3]', 'E300 2:21'],
    'as map, nothing said': ['m: map[string, int] = { a: 1, b: 2 }\nreturn m.get("a") ?? 0'],
    'as map of something else, E300': ['m: map[string, int] = { a: "x" }', 'E300 2:28'],
    'recursive, nothing said': [
      't: Tree = { value: 1, children: [{ value: 2, children: [] }] }\nreturn t.children[0].value',
    ],
    'recursive and wrong, E300': [
      't: Tree = { value: 1, children: [{ value: "2", children: [] }] }',
      'E300 2:43',
    ],
    'unknown field, E302': ['return items[0].nam', 'E302 2:17'],
    'field of a map, E302': ['return memory.totals.food', 'E302 2:22'],
  });

  runCases('Null', {
    'used without a look, E311': ['return maybe.length', 'E311 2:8'],
    'behind a look, nothing said': ['if maybe != null { return maybe.length }\nreturn 0'],
    'behind a look that left, nothing said': ['if maybe == null { return 0 }\nreturn maybe.length'],
    'behind && and ||, nothing said': [
      'a = maybe != null && maybe.length > 1\nb = maybe == null || maybe.length > 1\nreturn [a, b]',
    ],
    'in a long chain of &&, nothing said': [
      'return maybe != null && n > 1 && maybe.length > 1 && maybe.length > 2',
    ],
    'behind the chain, E311': ['a = maybe != null && n > 1\nreturn maybe.length', 'E311 3:8'],
    'in the wrong branch, E311': ['if maybe == null { return maybe.length }\nreturn 0', 'E311 2:27'],
    'behind !, nothing said': ['if !(maybe == null) { return maybe.length }\nreturn 0'],
    'with ??, nothing said': ['return (maybe ?? "none").length'],
    'in a conditional, nothing said': ['return if maybe != null { maybe.length } else { 0 }'],
    'of a field, behind a look, nothing said': [
      'item = items[0]\nif item.note != null { return item.note.length }\nreturn 0',
    ],
    'of a field that was written since, E311': [
      `item = items[0]
       if item.note != null {
         item = items[1]
         return item.note.length
       }
       return 0`,
      'E311 5:17',
    ],
    'of memory, behind a look, nothing said': [
      'if memory.open != null { return memory.open.name }\nreturn ""',
    ],
    'of memory, behind a call that may write it, E311': [
      `if memory.open != null {
         touch(1)
         return memory.open.name
       }
       return ""`,
      'E311 4:17',
    ],
    'of memory that may never have been written, E311': ['return memory.count + 1', 'E311 2:8'],
    'of memory with ??, nothing said': ['memory.count = (memory.count ?? 0) + 1'],
    'of memory just written, nothing said': ['memory.count = n\nreturn memory.count + 1'],
    'in a loop that writes it, E311': [
      `x: int? = 1
       @foreach i in items {
         y = x + 1
         x = null
       }`,
      'E311 4:14',
    ],
    'in match, nothing said': ['return match maybe { null => 0  _ => maybe.length }'],
    'of a sum type, E311': ['x: string | null = maybe\nreturn x.length', 'E311 3:8'],
    'first of a list, E311': ['return items.first.name', 'E311 2:8'],
    'value of a map, E311': ['return memory.totals.get("a") + 1.00', 'E311 2:8'],
  });

  runCases('Operators', {
    'of numbers': ['a: int = 1 + 2 * n\nb: float = 1 / 2\nc: money = 1.50 * n\nreturn [b, c, a % 2, -a]'],
    'int / int as int, E300': ['a: int = 4 / 2', 'E300 2:10'],
    'text and number, E308': ['return text + n', 'E308 2:8'],
    'bools, E308': ['return true + 1', 'E308 2:8'],
    'of times': [
      `a: datetime = now() + 5m
       b: duration = now() - a
       c: date = 2026-01-31 + 1
       d: int = c - 2026-01-01
       e: duration = 2 * 5m
       return [b < e, d]`,
    ],
    'money times money, E308': ['return items[0].price * items[0].price', 'E308 2:8'],
    'order of different things, E308': ['return text < n', 'E308 2:8'],
    'equality of different things, E308': ['return text == n', 'E308 2:8'],
    'symbol that an enum does not have, E305': ['return kind == :medium', 'E305 2:16'],
    'symbol and text, nothing said': ['return [kind == :small, choice == "a", text == "b"]'],
    'text that a union does not have, E308': ['return choice == "c"', 'E308 2:8'],
    'not of a number, E308': ['return !n', 'E308 2:9'],
    'condition that is none, E308': ['if n { return 1 }', 'E308 2:4'],
    'in a list, a map and a text, nothing said': [
      'return [text in ["a"], text in memory.totals, "a" in text]',
    ],
    'in a number, E308': ['return text in n', 'E308 2:16'],
    'in a list of something else, E308': ['return n in ["a"]', 'E308 2:8'],
    'constant condition, W404': ['if true { return 1 }', 'W404 2:4'],
    'null test of what cannot be null, W404': ['return text != null', 'W404 2:8'],
    lists: ['return ([1] + [2]).length'],
  });

  runCases('Methods', {
    'of texts, lists, maps and numbers, nothing said': [
      `a: array[string] = text.split(",").map(x => x.trim())
       b: money = items.sum(i => i.price * 2)
       c: int = items.filter(i => i.kind == :small).length
       d: map[string, array[Item]] = items.group_by(i => i.name)
       e: int = items.reduce(0, (sum, i) => sum + i.name.length)
       f: string? = items.map(i => i.name).first
       g: array[{ left: Item, right: string }] = items.zip(a)
       h: array[int] = [[1], [2]].flatten()
       i: float = (1.234).round(1)
       k: array[string] = memory.totals.keys()
       l: float = math.max(1, 2.5)
       m: array[int] = range(3)
       o: array[int] = items.map((x, index) => index)
       return [b, c, d, e, f, g, h, i, k, l, m, o]`,
    ],
    'unknown, E303': ['return text.uper()', 'E303 2:13'],
    'property called, E303': ['return text.length()', 'E303 2:13'],
    'method not called, E303': ['return text.upper', 'E303 2:13'],
    'too many arguments, E301': ['return text.trim(1)', 'E301 2:18'],
    'too few arguments, E301': ['return text.contains()', 'E301 2:8'],
    'argument of a wrong type, E300': ['return text.contains(1)', 'E300 2:22'],
    'argument by name, nothing said': ['return text.slice(start = 1, end = 2)'],
    'unknown argument, E301': ['return text.slice(strat = 1)', 'E301 2:8', 'E301 2:19'],
    'condition that gives no bool, E308': ['return items.filter(i => i.name)', 'E308 2:26'],
    'lambda with too many parameters, E301': ['return items.filter((a, b, c) => true)', 'E301 2:28'],
    'lambda where none is taken, E300': ['return text.contains(x => x)', 'E300 2:22'],
    'no lambda where one is taken, E300': ['return items.map(double)', 'E200 2:18', 'E300 2:18'],
    'unknown field in a lambda, E302': ['return items.map(i => i.nam)', 'E302 2:25'],
    'sum of texts, E300': ['return items.sum(i => i.name)', 'E300 2:8'],
    'of what is dynamic, nothing said': ['x = files.read(text)\nreturn x.lines.map(l => l.a + 1).first'],
    'item that does not fit, E300': ['x = [1, 2]\nreturn x.push("a")', 'E300 3:15'],
  });

  runCases('Calls', {
    'of callables, nothing said': ['return [double(n), loud(text = text)]'],
    'wrong type, E300': ['return double(text)', 'E300 2:15'],
    'too few, E301': ['return double()', 'E301 2:8'],
    'too many, E301': ['return double(1, 2)', 'E301 2:18'],
    'by a wrong name, E301': ['return double(m = 1)', 'E301 2:8', 'E301 2:15'],
    'twice the same, E301': ['return double(1, n = 2)', 'E301 2:22'],
    'of a plugin with an interface, nothing said': ['return ledger.book("v", 1.50).length'],
    'of a plugin, wrong type, E300': ['return ledger.book("v", "x")', 'E300 2:25'],
    'of a plugin, unknown method, E303': ['return ledger.boook("v", 1.50)', 'E303 2:15'],
    'of a plugin without an interface, nothing said': ['return files.anything(1, a = 2).b.c'],
    'of a value, E301': ['x = 1\nreturn x(2)', 'E301 3:8'],
    'of memory, nothing said': [
      `memory.totals.set("a", 1.50)
       memory.totals.update("a", 2.00)
       memory.totals.delete("a")
       a: money? = memory.totals.get("a")
       b = memory.totals.list(prefix = "p", limit = 100, order = "desc").map(e => e.value)
       c: array[string] = memory.names.last(3)
       d = memory.names.search(query = "q", limit = 5)
       e: float? = reference.rates.get("a")
       return [a, b, c, d, e]`,
    ],
    'of memory, wrong type, E300': ['memory.totals.set("a", "b")', 'E300 2:24'],
    'of memory, unknown operation, E303': ['memory.totals.add(1)', 'E303 2:15'],
  });

  runCases('Pipes', {
    'of stages that fit, nothing said': ['return text |> loud |?> (n > 1) loud |> loud'],
    'of a stage that does not fit, E300': ['return text |> double', 'E300 2:16'],
    'of an unknown stage, E203': ['return text |> lowd', 'E203 2:16'],
    'at once, merged by a lambda': ['return (text |*> [loud, loud], merge = all => all.join(""))'],
    'until good, nothing said': ['return text |~> loud, until = good, max = 3'],
    'again with what the stage does not take, E300': ['return n |~> numeral, max = 3', 'E300 2:14'],
    'again and again, from a literal, nothing said': ['return "a" |~> loud, max = 3'],
    'again and again, gives what the stage gives': ['x: int = "a" |~> loud, max = 3', 'E300 2:10'],
    'until something without a bound, E401': ['return text |~> loud, until = good', 'E401 2:8'],
    'until what is no verdict, E300': ['return text |~> loud, until = loud, max = 3', 'E300 2:31'],
  });

  runCases(
    'Pipes that loop',
    {
      'of a wider result than what goes in first, nothing said': [
        '@transformer half(n: float): float { return n / 2 }\n@flow f(): float { return 1 |~> half, max = 3 }',
      ],
      'of a symbol, nothing said': [
        'type K = enum[a, b]\n@transformer next(k: K): K { return k }\n@flow f(): K { return :a |~> next, max = 3 }',
      ],
      'of a result that the stage does not take, E300': [
        '@transformer size(t: string): int { return t.length }\n@flow f() { return "a" |~> size, max = 3 }',
        'E300 2:28',
      ],
    },
    (text) => saidOf(text),
  );

  runCases('Matches', {
    'over an enum, all covered': ['return match kind { :small => 1  :large => 2 }'],
    'over an enum, one missing, E304': ['return match kind { :small => 1 }', 'E304 2:14'],
    'over an enum, a guard does not count, E304': [
      'return match kind { :small => 1  :large if n > 1 => 2 }',
      'E304 2:14',
    ],
    'over an enum, wildcard': ['return match kind { :small => 1  _ => 2 }'],
    'over an enum, unknown symbol, E305': ['return match kind { :smal => 1  _ => 2 }', 'E305 2:21'],
    'over an enum, texts for symbols, nothing said': ['return match kind { "small" => 1  "large" => 2 }'],
    'over bools, E304': ['return match n > 1 { true => 1 }', 'E304 2:14'],
    'over a union of texts, E304': ['return match choice { "a" => 1 }', 'E304 2:14'],
    'over a union of texts, symbols fit': ['return match choice { :a => 1  :b => 2 }'],
    'over an optional, null missing, E304': [
      'x: Kind? = kind\nx = null\nreturn match x { :small => 1  :large => 2 }',
      'E304 4:14',
    ],
    'arm behind a wildcard, W402': ['return match kind { _ => 1  :small => 2 }', 'W402 2:29'],
    'arm twice, W402': ['return match text { "a" => 1  "a" => 2  _ => 3 }', 'W402 2:31'],
    'all covered before the wildcard, W402': [
      'return match kind { :small => 1  :large => 2  _ => 3 }',
      'W402 2:47',
    ],
    'pattern of a wrong type, E300': ['return match text { 1 => 1  _ => 2 }', 'E300 2:21'],
    'object pattern binds, nothing said': [
      'return match items[0] { { name, kind: :small } => name.length  _ => 0 }',
    ],
    'object pattern of an unknown field, E302': [
      'return match items[0] { { nam, kind: :small } => 1  _ => 0 }',
      'E302 2:27',
    ],
    alternatives: ['return match kind { :small | :large => 1 }'],
    'value of all arms': ['x: int = match kind { :small => 1  _ => "a" }', 'E300 2:10'],
    'as a statement, variables of all arms are set': [
      'match kind { :small => { x = 1 }  :large => { x = 2 } }\nreturn x + 1',
    ],
    'as a block': ['x: int = @match kind { :small => 1  :large => n }\nreturn x'],
  });

  runCases(
    'Returns',
    {
      'as declared': ['@flow f(a: int): int { return a }'],
      'of another type, E306': ['@flow f(a: int): string { return a }', 'E306 1:34'],
      'of nothing, E306': ['@flow f(a: int): string { return }', 'E306 1:27'],
      'missing on one way, E309': ['@flow f(a: int): int { if a > 1 { return a } }', 'E309 1:7'],
      'missing where fail ends the way': ['@flow f(a: int): int { if a > 1 { return a }\nfail("no") }'],
      'misspelt, said once': ['@flow f(a: int): int { retrun(a) }', 'E203 1:24'],
      'misspelt with a sign, a list or nothing behind it, said once': [
        '@flow f(a: int): int {\nretrun -a\n}\n@flow g(a: int): array[int] {\nretrun [a]\n}\n@flow h(): int {\nretrun\n}',
        'E200 2:1',
        'E200 5:1',
        'E200 8:1',
      ],
      'misspelt on one way, said once': ['@flow f(a: int): int { if a > 1 { retrun(a) } }', 'E203 1:35'],
      'missing behind an unknown name inside a statement, E309': [
        '@flow f(a: int): int { _b = c }',
        'E309 1:7',
        'E200 1:29',
      ],
      'missing but optional': ['@flow f(a: int): int? { if a > 1 { return a } }'],
      'found out': ['@flow f(): int { return g(1).a }\n@flow g(n: int) { return { a: n } }'],
      'found out, wrong, E306': [
        '@flow f(): string { return g(1).a }\n@flow g(n: int) { return { a: n } }',
        'E306 1:28',
      ],
      'found out, perhaps nothing, E311': [
        '@flow f(): int { return g(1) + 1 }\n@flow g(n: int) { if n > 1 { return n } }',
        'E311 1:25',
      ],
      'of recursion without a type, dynamic': ['@flow f(n: int) { return f(n) + 1 }'],
      'default that fits': ['@flow f(a: int = 1, b: string = "x"): int { return a + b.length }'],
      'default that does not, E300': ['@flow f(a: int = "x"): int { return a }', 'E300 1:18'],
      pipeline: ['@transformer a(n: int): int { return n }\n@pipeline p(x: int): int { x |> a |> a }'],
      'pipeline of another type, E306': [
        '@transformer a(n: int): int { return n }\n@pipeline p(x: int): string { x |> a }',
        'E306 2:31',
      ],
    },
    (text) => saidOf(text),
  );
});

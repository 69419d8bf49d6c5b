// What the checker knows of values on each way through a flow: where it is wrong, a program that it accepts fails when it
// runs.
import { runCases } from './check-text.ts';

describe('ScaiCore checker: facts', () => {
  const KNOWN = 'memory.open = items[0]\n';
  runCases('Memory', {
    'changed by a call on one of two ways, E311': [
      `${KNOWN}if n > 0 { touch(1) }\nreturn memory.open.price`,
      'E311 4:8',
    ],
    'looked at on one of two ways, E311': [
      'if n > 0 { if memory.open == null { return 0 } }\nreturn memory.open.price',
      'E311 3:8',
    ],
    'looked at on both ways': [
      'if n > 0 { if memory.open == null { return 0 } } else { if memory.open == null { return 1 } }\nreturn memory.open.price',
    ],
  });

  runCases('Right sides', {
    'of &&, a call may change what the left side looked at, E311': [
      `${KNOWN}if memory.open != items[0] && touch(1) > 0 { return 0 }\nreturn memory.open.price`,
      'E311 4:8',
    ],
    'of &&, what was looked at before a call is not known, E311': [
      'if memory.open != null && touch(1) > 0 { return memory.open.price }',
      'E311 2:49',
    ],
    'of &&, what was looked at behind a call is known': [
      'if touch(1) > 0 && memory.open != null { return memory.open.price }',
    ],
    'of &&, a call changes no variable': [
      'if maybe != null && good(maybe) { return maybe.length }\nif maybe != null && touch(1) > 0 { return maybe.length }',
    ],
    'of ==, a call, E311': [
      'if maybe == memory.names[touch(1)] { return 0 }\nif memory.open == find(n) { return memory.open.price }\nreturn 1\n}\n@transformer find(n: int): Item {\nreturn { name: "a", price: 1.50, kind: :small }',
      'E311 3:36',
    ],
    'of ??, may not be done, E311': [
      'x: string? = null\ny = maybe ?? match n {\n1 => {\nx = "a"\n"b"\n}\n_ => {\nx = "a"\n"b"\n}\n}\nreturn [x.length, y.length]',
      'E311 13:9',
    ],
    'of &&, may set a variable to null, E311': [
      'x: string? = "a"\ny = n > 0 && match n {\n1 => {\nx = null\ntrue\n}\n_ => false\n}\nreturn [x.length.to_string(), y.to_string()]',
      'E311 10:9',
    ],
    'of && and ||, what is known from the left': [
      'a = maybe != null && maybe.length > 1 && maybe.length < 9\nb = maybe == null || maybe.length > 1 || maybe.length < 9\nreturn [a, b]',
    ],
    'of a sum, are always done': [
      'x: string? = null\ny = 1 + match n {\n1 => {\nx = "a"\n1\n}\n_ => {\nx = "b"\n2\n}\n}\nreturn x.length + y',
    ],
  });

  const MATCH = 'match n {\n1 => {\nx = null\n1\n}\n_ => 2\n}';
  runCases('Loops', {
    'that set to null in a match, E311': [
      `x: string? = "a"\n@foreach i in [1, 2] {\ny = [x.length, i]\nz = ${MATCH}\nlog([y, z])\n}`,
      'E311 4:6',
    ],
    'that set to null in a match inside of an expression, E311': [
      `x: string? = "a"\n@while n > 1 (max_iterations = 2) {\nz = [1 + ${MATCH}]\nlog(z)\n}\nreturn x.length`,
      'E311 13:8',
    ],
    'that set nothing': ['x: string? = "a"\n@foreach i in [1, 2] {\nlog([x.length, i])\n}\nreturn x.length'],
  });

  runCases('Catches', {
    'of what was set to null on a way that failed, E311': [
      'x: string? = "a"\n@try {\nif n > 0 {\nx = null\nfail("e")\n}\n} @catch {\nreturn x.length\n}',
      'E311 9:8',
    ],
    'of memory that was written, E311': [
      `${KNOWN}@try {\nmemory.open = null\nfail("e")\n} @catch {\nreturn memory.open.price\n}`,
      'E311 7:8',
    ],
    'of memory that what was called may have written, E311': [
      `${KNOWN}@try {\nif touch(n) > 1 { fail("e") }\n} @catch {\nreturn memory.open.price\n}`,
      'E311 6:8',
    ],
    'of what was not written': [
      `${KNOWN}x: string? = "a"\n@try {\nif x == text || memory.open == items[1] { fail("e") }\n} @catch {\nreturn [memory.open.price, x.length]\n}`,
    ],
  });

  runCases('Debugging', {
    'gives nothing where it is left out, E311': ['x = @debug { 5 }\nreturn x + 1', 'E311 3:8'],
  });

  runCases('Parallel', {
    'two branches that set one variable, E311': [
      'x: string? = "a"\nr = @parallel {\na = @rigid {\nx = null\n1\n}\nb = @rigid {\nx = "a"\n2\n}\n}\nreturn [x.length, r.a]',
      'E311 13:9',
    ],
    'a branch writes memory that the next one uses, E311': [
      `${KNOWN}r = @parallel {\na = touch(1)\nb = memory.open.price\n}\nreturn r.a`,
      'E311 5:5',
    ],
    'a call in one branch, memory set in another, E311': [
      'r = @parallel {\na = touch(1)\nb = @rigid {\nmemory.open = items[0]\n2\n}\n}\nlog(r.a)\nreturn memory.open.price',
      'E311 10:8',
    ],
    'what a branch yields is what its name stands for, E308': [
      'r = @parallel {\na = @rigid {\nyield "a"\n2\n}\n}\nlog(r.a.length)\nreturn [a.length, a + 1]',
      'E308 9:19',
    ],
    'what a branch may yield, E308': [
      'r = @parallel {\na = @rigid {\nif n > 1 { yield "a" }\n2\n}\n}\nreturn r.a * 2',
      'E308 8:8',
    ],
  });
});

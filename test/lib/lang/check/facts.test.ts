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
});

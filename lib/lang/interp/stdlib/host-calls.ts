// What is asked of the host besides data: time, chance, and the log. Everything here is refused in `@rigid` (E400).
import { randomBelow } from '../../../base/rng.ts';
import { ScaiCoreError } from '../errors.ts';
import type { JsonValue } from '../../ir/ir.ts';
import type { Execution } from '../execution.ts';
import { secretsOf, withoutSecrets } from '../telemetry.ts';
import { optionalText, type StdArg, valueOf, whole } from './std.ts';
import { textOf } from './time.ts';

export type HostCall = (execution: Execution, a: StdArg, b: StdArg) => JsonValue;

const LEVELS: ReadonlySet<string> = new Set(['debug', 'info', 'warn', 'error']);

export const HOST_CALLS: Readonly<Record<string, HostCall>> = {
  now: ({ env }) => textOf(env.clock.wallMs()),
  today: ({ env }) => textOf(env.clock.wallMs()).slice(0, 10),
  random: ({ env }) => env.rng.next(),
  random_int: ({ env }, low, high) => {
    const [from, to] = [whole(low), whole(high)];
    if (from > to) throw new ScaiCoreError('ArithmeticError', `there is no number from ${from} to ${to}`);
    return from + randomBelow(env.rng, to - from + 1);
  },
  uuid: ({ env }) => uuidFrom(env.rng.hex(16)),
  log: (execution, message, level) => {
    const { env, program, scope } = execution;
    const said = optionalText(level, 'info');
    const secrets = secretsOf(program.configParams.values(), env);
    env.log?.(LEVELS.has(said) ? said : 'info', withoutSecrets(valueOf(message), secrets), scope);
    return null;
  },
};

/** Version 4: random, with the bits that say so. */
export function uuidFrom(hex: string): string {
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16).padStart(2, '0');
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(18, 20)}`,
    hex.slice(20, 32),
  ];
  return parts.join('-');
}

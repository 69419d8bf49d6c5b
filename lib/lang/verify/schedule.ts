// E408: schedules that can never be understood.
import type { IRModule } from '../ir/ir.ts';
import type { Find } from './finding.ts';

const RANGES: readonly (readonly [string, number, number])[] = [
  ['minute', 0, 59],
  ['hour', 0, 23],
  ['day of month', 1, 31],
  ['month', 1, 12],
  ['day of week', 0, 7],
];
const NAMES = /\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)\b/gi;

export function checkSchedules({ triggers }: IRModule, find: Find): void {
  for (const trigger of triggers) {
    if (trigger.kind !== 'schedule') continue;
    const problem =
      trigger.cron === undefined ? 'it needs \'cron\', such as "0 2 * * *"' : cronProblem(trigger.cron);
    if (problem !== undefined) find('E408', trigger, `schedule '${trigger.name}': ${problem}`);
    if (trigger.timezone !== undefined && !isZone(trigger.timezone))
      find('E408', trigger, `schedule '${trigger.name}': there is no time zone '${trigger.timezone}'`);
  }
}

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}

/** Why `cron` is none; undefined for five good fields. */
export function cronProblem(cron: string): string | undefined {
  const fields = cron.trim().split(/\s+/);
  if (fields.length !== RANGES.length) return `'${cron}' has ${fields.length} fields, a schedule has 5`;
  for (const [index, [name, low, high]] of RANGES.entries()) {
    const field = fields[index] ?? '';
    if (!isField(field, low, high)) return `'${field}' is no ${name} (${low} to ${high})`;
  }
  return undefined;
}

function isField(field: string, low: number, high: number): boolean {
  const plain = field.replace(NAMES, String(low));
  return plain.split(',').every((part) => {
    const [, range = '', step] = /^(\*|\d+(?:-\d+)?)(?:\/(\d+))?$/.exec(part) ?? [];
    if (range === '' || (step !== undefined && Number(step) < 1)) return false;
    if (range === '*') return true;
    const [from = '', to = from] = range.split('-');
    return Number(from) >= low && Number(to) <= high && Number(from) <= Number(to);
  });
}

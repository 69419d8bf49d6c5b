// Values of `@config`: those of the host, which are checked as inputs are, or the defaults of the program.
import { issueText, type ReadValue, readValue } from '../ir/check-value.ts';
import type { IRConfigParam, IRModule, JsonValue } from '../ir/ir.ts';
import { ScaiCoreError } from './errors.ts';
import type { HostEnvironment } from './host-environment.ts';

type Given = Pick<HostEnvironment, 'config'>;

/** @throws TypeError for a value of the host that is of another type */
export function settingOf(param: IRConfigParam, types: IRModule['types'], env: Given): JsonValue {
  const read = readGiven(param, types, env);
  if (!read) return param.default ?? null;
  if (read.issues) throw new ScaiCoreError('TypeError', problemOf(param, read));
  return read.value;
}

/** What is wrong with the values of the host, without the values of secrets. */
export function* settingProblems({ config, types }: IRModule, env: Given): Generator<string> {
  for (const param of config) {
    const read = readGiven(param, types, env);
    if (read?.issues) yield problemOf(param, read);
  }
}

function readGiven(param: IRConfigParam, types: IRModule['types'], { config }: Given): ReadValue | undefined {
  if (config === undefined || !Object.hasOwn(config, param.name)) return undefined;
  return readValue(config[param.name] ?? null, param.type, types);
}

function problemOf({ name, secret }: IRConfigParam, { issues = [] }: ReadValue): string {
  return `the setting '${name}' is not right: ${secret === true ? 'it is of another type' : issueText(issues)}`;
}

import { type CoreDefinition, type FieldDefinition, GrainError } from '../../lib/index.ts';
import type { StoredMemory } from '../storage/grain-storage.ts';

/**
 * The stored values by position of the Core's value fields, brought to its schema (hazards.md 15). A field that is not
 * stored reads its default. @throws ERR_SCHEMA_NEWER; ERR_ACTIVATION_FAILED around what a migration throws
 */
export function migrateValues(
  definition: CoreDefinition,
  fields: readonly FieldDefinition[],
  { schema, values }: Pick<StoredMemory, 'schema' | 'values'>,
): unknown[] {
  if (schema > definition.schema) {
    throw new GrainError('ERR_SCHEMA_NEWER', {
      core: definition.name,
      stored: schema,
      loaded: definition.schema,
    });
  }
  let current: Readonly<Record<string, unknown>> = values;
  for (let to = schema + 1; to <= definition.schema; to += 1) {
    const step = definition.migrate.get(to);
    if (!step) continue;
    try {
      current = plainObject(step(current));
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      const message = `${definition.name}: migrate[${to}] threw: ${problem}`;
      throw new GrainError('ERR_ACTIVATION_FAILED', { message }, { cause });
    }
  }
  return fields.map(({ name, initial }) => (Object.hasOwn(current, name) ? current[name] : initial));
}

/** Anything else, such as a promise, would read as memory without any field, and the first commit would store that. */
function plainObject(made: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const given: unknown = made;
  const isObject = typeof given === 'object' && given !== null;
  const prototype: unknown = isObject ? Object.getPrototypeOf(given) : undefined;
  if (prototype === Object.prototype || prototype === null) return made;
  throw new TypeError('it must return the value fields as a plain object, at once');
}

import { type AnyCore, GrainError } from '../../lib/index.ts';

/** The name of a Core that is given by itself or by name, `core` or `tenant/core`. @throws ERR_CORE_INVALID */
export function nameOf(core: AnyCore | string): string {
  const name: unknown = typeof core === 'string' ? core : core.definition.name;
  if (typeof name === 'string' && name !== '') return name;
  throw new GrainError('ERR_CORE_INVALID', { message: 'core must be a Core or the name of one' });
}

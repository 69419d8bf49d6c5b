import type { GrainStorage } from '../../silo/internal.ts';

const SLOW: ReadonlySet<PropertyKey> = new Set([
  'claim',
  'release',
  'isOwner',
  'readEntry',
  'readEntries',
  'listLength',
  'readItems',
  'readEmissions',
  'readLog',
  'dueReminders',
]);

/**
 * The storage with every read and claim answered later, at a moment that the world draws: as over a network. So a
 * process can crash, or anything else happen, at each await of an activation.
 */
export function slowStorage(storage: GrainStorage, pause: () => Promise<void>): GrainStorage {
  return new Proxy(storage, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const method = member as (...args: unknown[]) => unknown;
      if (!SLOW.has(name)) return method.bind(target);
      return async (...args: unknown[]): Promise<unknown> => {
        await pause();
        const answer = await method.apply(target, args);
        await pause();
        return answer;
      };
    },
  });
}

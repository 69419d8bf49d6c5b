// E402: an entity that no flow's input names can never be addressed.
import type { IRModule } from '../ir/ir.ts';
import type { Find } from './finding.ts';

export function checkEntityKey({ instance, flows }: IRModule, find: Find): void {
  const { mode, entity_key: key } = instance;
  if (mode !== 'entity' || key === undefined) return;
  if (flows.some(({ params }) => params.some(({ name }) => name === key))) return;
  find('E402', undefined, `the entity key '${key}' is not an input of any flow`);
}

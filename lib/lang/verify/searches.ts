// E403: a search by similarity needs a model that makes embeddings.
import type { IRModule } from '../ir/ir.ts';
import type { Find } from './finding.ts';
import { isSearch } from './flow-facts.ts';
import { walkFlow } from './walk.ts';

export function checkSearches(module: IRModule, find: Find): void {
  const hasEmbedding = Object.values(module.models).some(({ modalities }) =>
    modalities.includes('embedding'),
  );
  if (hasEmbedding) return;
  for (const flow of [...module.flows, ...module.functions])
    walkFlow(flow, {
      stmt(stmt) {
        if (isSearch(stmt)) find('E403', stmt, 'a search needs a model with modalities = [:embedding]');
      },
    });
}

// Cores of a silo as the membership view lists them; their manifests stand in the view once each, by digest.
import { createHash } from 'node:crypto';
import type { HostedCore } from '../../directory/index.ts';
import type { CoreManifest } from '../cluster-client.ts';

export interface ListedCores {
  readonly cores: readonly HostedCore[];
  readonly manifests: Readonly<Record<string, CoreManifest>>;
}

export function listCores(hosted: Iterable<CoreManifest>): ListedCores {
  const cores: HostedCore[] = [];
  const manifests: Record<string, CoreManifest> = {};
  for (const manifest of hosted) {
    const { name, version, schema } = manifest;
    const digest = createHash('sha256').update(JSON.stringify(manifest)).digest('hex').slice(0, 32);
    cores.push({ name, version, schema, manifest: digest });
    manifests[digest] = manifest;
  }
  return { cores, manifests };
}

// The one place where a process is made a part of a cluster, from the parts that touch the machine.
import { GrainError } from '../lib/index.ts';
import type { ClusterMember, JoinParts } from './cluster-host.ts';

/** @throws ERR_CLUSTER_FAILED, ERR_STORE_*, ERR_LISTEN_FAILED, ERR_CORE_INVALID */
export function joinCluster(_parts: JoinParts): Promise<ClusterMember> {
  return Promise.reject(
    new GrainError('ERR_CLUSTER_FAILED', { message: 'clusters are not put together yet' }),
  );
}

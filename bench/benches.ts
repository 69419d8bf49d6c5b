import type { Bench } from './bench.ts';
import { bench as coldNew } from './cluster/cold-new.bench.ts';
import { bench as coldRedisLoad } from './cluster/cold-redis-load.bench.ts';
import { bench as coldRedis } from './cluster/cold-redis.bench.ts';
import { bench as coldStored } from './cluster/cold-stored.bench.ts';
import { bench as failoverKill } from './cluster/failover-kill.bench.ts';
import { bench as failoverStop } from './cluster/failover-stop.bench.ts';
import { bench as httpCall } from './cluster/http-call.bench.ts';
import { bench as idleRedis } from './cluster/idle-redis.bench.ts';
import { bench as idleSockets } from './cluster/idle-sockets.bench.ts';
import { bench as redisCommittedAlways } from './cluster/redis-committed-always.bench.ts';
import { bench as redisCommittedEverysec } from './cluster/redis-committed-everysec.bench.ts';
import { bench as remoteAskLoad } from './cluster/remote-ask-load.bench.ts';
import { bench as remoteAskOne } from './cluster/remote-ask-one.bench.ts';
import { bench as remoteAsk } from './cluster/remote-ask.bench.ts';
import { bench as remoteLinkOne } from './cluster/remote-link-one.bench.ts';
import { bench as remoteLink } from './cluster/remote-link.bench.ts';
import { bench as wsCluster } from './cluster/ws-cluster.bench.ts';
import { bench as wsCommitted } from './cluster/ws-committed.bench.ts';
import { bench as wsVolatile } from './cluster/ws-volatile.bench.ts';
import { bench as eviction } from './micro/eviction.bench.ts';
import { bench as idleMemory } from './micro/idle-memory.bench.ts';
import { bench as localAsk } from './micro/local-ask.bench.ts';
import { bench as manyCallers } from './micro/many-callers.bench.ts';
import { bench as million } from './micro/million.bench.ts';
import { bench as scaicoreCompile } from './micro/scaicore-compile.bench.ts';
import { bench as scaicoreHosted } from './micro/scaicore-hosted.bench.ts';
import { bench as scaicoreCall } from './micro/scaicore-call.bench.ts';
import { bench as scaicoreLoop } from './micro/scaicore-loop.bench.ts';
import { bench as scaicoreSuspend } from './micro/scaicore-suspend.bench.ts';

/** In the order of the table. */
export const BENCHES: readonly Bench[] = [
  localAsk,
  manyCallers,
  scaicoreHosted,
  wsVolatile,
  wsCommitted,
  httpCall,
  remoteLink,
  remoteLinkOne,
  remoteAsk,
  remoteAskOne,
  remoteAskLoad,
  redisCommittedEverysec,
  redisCommittedAlways,
  wsCluster,
  coldRedis,
  coldRedisLoad,
  failoverKill,
  failoverStop,
  idleRedis,
  coldNew,
  coldStored,
  idleMemory,
  million,
  eviction,
  idleSockets,
  scaicoreCompile,
  scaicoreCall,
  scaicoreLoop,
  scaicoreSuspend,
];

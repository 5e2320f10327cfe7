import type { ServerConfig } from "../config/schema/server-schema.ts";
import type { SharedTables } from "../plane/messages.ts";
import { BackendTable } from "./backend/backend-table.ts";
import { releaseSmooth } from "./backend/balance-columns.ts";
import { ConnectionSlots } from "./backend/connection-slots.ts";
import { MigrationSplit } from "./backend/migration-split.ts";
import { i32 } from "./buffer-layout.ts";
import { CacheSizes } from "./cache-sizes.ts";
import { CacheVersions } from "./cache-versions.ts";
import { ClientConnections } from "./client-connections.ts";
import { CounterTable } from "./figures/counter-table.ts";
import { LoopTable } from "./figures/loop-table.ts";
import { TrafficTable } from "./figures/traffic-table.ts";
import { LeaseTable } from "./lease-table.ts";
import { QueueTable } from "./queue-table.ts";
import { type RateLimit, RateTable } from "./rate-table.ts";
import { CONTROL_PLANE, lockOwner, unlock } from "./spin-lock.ts";
import { StickyTable } from "./sticky-table.ts";

export interface TableSizes {
  readonly maxBackends: number;
  readonly tiers: number;
  readonly maxLeases: number;
  readonly maxStickyEntries: number;
  readonly maxRateEntries: number;
  readonly workers: number;
  readonly managementRate: RateLimit;
  readonly proxyRate: RateLimit;
  readonly authFailures: RateLimit;
  readonly durationBoundsMs: readonly number[];
  /** False unless said. */
  readonly hasCache?: boolean;
}

/** Every shared table, opened by one thread. */
export interface Tables {
  /** The thread that opened them: a worker's index, or {@link CONTROL_PLANE}. */
  readonly worker: number;
  readonly backends: BackendTable;
  readonly leases: LeaseTable;
  readonly sticky: StickyTable;
  readonly managementRate: RateTable;
  readonly proxyRate: RateTable;
  readonly authFailures: RateTable;
  readonly counters: CounterTable;
  readonly queue: QueueTable;
  /** To backends. */
  readonly connections: ConnectionSlots;
  /** Of clients. */
  readonly clients: ClientConnections;
  readonly migration: MigrationSplit;
  readonly traffic: TrafficTable;
  readonly loop: LoopTable;
  readonly cacheVersions: CacheVersions;
  readonly cacheSizes: CacheSizes;
}

/** Wrong keys from one address: enough for a misconfigured fleet behind one address, too few to guess. */
const AUTH_FAILURES: RateLimit = { perMinute: 10, burst: 20 };

/** Gives the sizes of the tables that a configuration asks for. */
export function tableSizes(config: ServerConfig, tiers: number, workers: number): TableSizes {
  return {
    maxBackends: config.max_backends,
    tiers,
    maxLeases: config.max_leases,
    maxStickyEntries: config.max_sticky_entries,
    maxRateEntries: config.max_rate_limit_entries,
    workers,
    managementRate: { perMinute: config.rate_limit_per_minute, burst: config.rate_limit_burst },
    proxyRate: { perMinute: config.proxy_rate_limit_per_minute, burst: config.proxy_rate_limit_burst },
    authFailures: AUTH_FAILURES,
    durationBoundsMs: config.metrics_duration_buckets_ms,
    hasCache: config.cache_enabled,
  };
}

/** Allocates every table; `random` gives 32 random bits (for lease ids and the layout of the rate tables). */
export function allocateTables(sizes: TableSizes, random: () => number): SharedTables {
  const rate = (limit: RateLimit): SharedArrayBuffer =>
    RateTable.allocate(sizes.maxRateEntries, limit, random());
  return {
    backends: BackendTable.allocate(sizes.maxBackends, sizes.tiers, sizes.workers),
    leases: LeaseTable.allocate(sizes.maxLeases, random),
    sticky: StickyTable.allocate(sizes.maxStickyEntries),
    managementRate: rate(sizes.managementRate),
    proxyRate: rate(sizes.proxyRate),
    authFailures: rate(sizes.authFailures),
    counters: CounterTable.allocate(sizes.workers),
    queue: QueueTable.allocate(sizes.workers, sizes.tiers),
    clients: ClientConnections.allocate(sizes.workers, random),
    migration: MigrationSplit.allocate(sizes.maxBackends),
    traffic: TrafficTable.allocate(sizes.maxBackends, sizes.workers, sizes.durationBoundsMs),
    loop: LoopTable.allocate(sizes.workers),
    cacheVersions: CacheVersions.allocate(sizes.hasCache === true),
    cacheSizes: CacheSizes.allocate(sizes.workers),
  };
}

/** Opens the tables for one thread: `worker` is its index, {@link CONTROL_PLANE} on the main thread. */
export function openTables(shared: SharedTables, worker: number = CONTROL_PLANE): Tables {
  const backends = new BackendTable(shared.backends, worker);
  const leases = new LeaseTable(shared.leases, backends, worker);
  const queue = new QueueTable(shared.queue, worker);
  backends.onRelease((row) => leases.endAllLocked(row));
  backends.onRoom(() => queue.freed());
  return {
    worker,
    backends,
    leases,
    sticky: new StickyTable(shared.sticky, worker),
    managementRate: new RateTable(shared.managementRate, worker),
    proxyRate: new RateTable(shared.proxyRate, worker),
    authFailures: new RateTable(shared.authFailures, worker),
    counters: new CounterTable(shared.counters, worker),
    queue,
    connections: new ConnectionSlots(backends, worker),
    clients: new ClientConnections(shared.clients, worker),
    migration: new MigrationSplit(shared.migration),
    traffic: new TrafficTable(shared.traffic, worker),
    loop: new LoopTable(shared.loop, worker),
    cacheVersions: new CacheVersions(shared.cacheVersions),
    cacheSizes: new CacheSizes(shared.cacheSizes),
  };
}

/**
 * Puts right what a worker left when it died: frees its locks, ends the leases that its requests held and takes its
 * share out of the in-flight counts. Control plane only, once the worker's thread has ended.
 */
export function releaseWorker(tables: Tables, worker: number): void {
  const { backends, leases, sticky } = tables;
  leases.releaseLocksOf(worker);
  sticky.releaseLocksOf(worker);
  for (const rates of [tables.managementRate, tables.proxyRate, tables.authFailures]) {
    rates.releaseLocksOf(worker);
  }
  const columns = backends.columns;
  for (let row = 0; row < backends.capacity; row++) {
    if (Atomics.compareExchange(columns.lock, row, lockOwner(worker), backends.owner) === lockOwner(worker)) {
      leases.rebuildLocked(row);
      unlock(columns.lock, row);
    }
  }
  // Whatever it held: a lock that was waited for too long has been taken from it, and tells no more.
  leases.rebuildFreeList();
  leases.endLeasesOf(worker);
  dropInFlightOf(backends, worker);
  releaseSmooth(columns.balance, lockOwner(worker));
  backends.openBreakers.dropTrialsOf(worker, backends.limit);
  tables.queue.releaseWorker(worker);
  tables.clients.releaseWorker(worker);
  tables.traffic.releaseWorker(worker);
  tables.queue.freed();
}

/** Takes a dead worker's share out of the counts of requests in flight, connections and retries. */
function dropInFlightOf(backends: BackendTable, worker: number): void {
  const { columns, capacity } = backends;
  const first = (worker - CONTROL_PLANE) * capacity;
  columns.retriesOf.fill(0, first, first + capacity);
  for (let row = 0; row < backends.limit; row++) {
    backends.withLock(row, () => {
      const share = first + row;
      columns.inFlight[row] = i32(columns.inFlight, row) - i32(columns.inFlightOf, share);
      columns.inFlightOf[share] = 0;
      Atomics.sub(columns.connections, row, i32(columns.connectionsOf, share));
      columns.connectionsOf[share] = 0;
    });
  }
}

/** Ends every lease, held or not, and says how many there were. */
export function endAllLeases(tables: Tables): number {
  const { backends, leases } = tables;
  let ended = 0;
  for (let row = 0; row < backends.limit; row++) {
    backends.withLock(row, () => {
      ended += i32(backends.columns.leaseCount, row);
      leases.endAllLocked(row);
    });
  }
  tables.queue.freed();
  return ended;
}

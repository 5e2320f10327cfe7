import type { ColumnCursor } from "../buffer-layout.ts";
import { type BalanceColumns, declareBalanceColumns } from "./balance-columns.ts";
import { type BreakerColumns, declareBreakerColumns } from "./breaker-columns.ts";
import { MAX_GPUS } from "./row-figures.ts";

/** Bits of a row's flags. */
export const CLAIMED = 1;
export const ENABLED = 2;
export const UNHEALTHY = 4;
export const DRAINING = 8;
export const LOCATED = 16;
/** Nobody has said which GPUs the backend has: tiers are not refused for them, and leases name none. */
export const GPUS_UNKNOWN = 32;

/** What `backupOf` says of a row that stands in for none. */
export const NO_BACKUP = -1;
/** What it says of a row that stands in for all that do not say so themselves. */
export const BACKUP_OF_ALL = -2;

/**
 * The columns of the backend table, one number per row each unless said otherwise. Amounts are whole bytes in
 * Float64, whose sums are exact. What the control plane writes and what leases take is guarded by the row's lock;
 * a pick scans without it and checks again under it.
 */
export interface BackendColumns {
  readonly lock: Int32Array;
  readonly flags: Int32Array;
  /** Moves on when the row is claimed and when it is released. */
  readonly generation: Int32Array;
  /** Moves on when sticky assignments to the row become void. */
  readonly epoch: Int32Array;
  readonly pathGroup: Int32Array;
  readonly reportedAtMs: Float64Array;
  readonly freeCores: Int32Array;
  readonly memoryAvail: Float64Array;
  readonly diskAvail: Float64Array;
  /** {@link MAX_GPUS} per row. */
  readonly gpuVramFree: Float64Array;
  /** Location as a unit vector; meaningful with the flag {@link LOCATED}. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly z: Float64Array;
  /** By tier. */
  readonly baseScore: readonly Float64Array[];
  /** By tier: bit i = GPU i qualifies. */
  readonly gpuMask: readonly Int32Array[];
  readonly inFlight: Int32Array;
  /** Most requests in flight; 0 = no limit. */
  readonly maxInFlight: Int32Array;
  /** Connections of all threads to the row, the part of each thread as `inFlightOf`, the most there may be (0 = any). */
  readonly connections: Int32Array;
  readonly connectionsOf: Int32Array;
  readonly maxConnections: Int32Array;
  /** 1 = a thread has none and may not make one. */
  readonly connectionsWanted: Int32Array;
  /** Bit i: all probes of the address of endpoint i fail. */
  readonly downEndpoints: Int32Array;
  /** Since when the row gets its share back little by little; 0 = it has it. */
  readonly rampSinceMs: Float64Array;
  /** Share of the requests among the rows that can take them; 0 = no new requests, but sessions stay. */
  readonly weight: Float64Array;
  /** The row that this one stands in for, or {@link NO_BACKUP} or {@link BACKUP_OF_ALL}. */
  readonly backupOf: Int32Array;
  readonly balance: BalanceColumns;
  readonly breakers: BreakerColumns;
  /** How many breakers of the row are not closed. */
  readonly openBreakers: Int32Array;
  /** The part of `inFlight` that each thread raised: control plane, worker 0, worker 1, ...; rows within threads. */
  readonly inFlightOf: Int32Array;
  /** Retries under way to backends of a path group, by threads as `inFlightOf`; path groups within threads. */
  readonly retriesOf: Int32Array;
  readonly leasedCores: Int32Array;
  readonly leasedMemory: Float64Array;
  readonly leasedDisk: Float64Array;
  /** Bit i = GPU i is named by a lease. */
  readonly leasedGpus: Int32Array;
  readonly leaseCount: Int32Array;
  /** First lease of the row's list as slot + 1; 0 = none. */
  readonly firstLease: Int32Array;
  /** No lease of the row expires before this time; Infinity = none expires by itself. */
  readonly earliestExpiryMs: Float64Array;
}

export interface BackendDimensions {
  readonly capacity: number;
  readonly tiers: number;
  readonly workers: number;
}

/** Declares the columns, those that every pick reads first. */
export function declareBackendColumns(cursor: ColumnCursor, dimensions: BackendDimensions): BackendColumns {
  const { capacity, tiers, workers } = dimensions;
  const perTier = Array.from({ length: tiers });
  return {
    baseScore: perTier.map(() => cursor.float64(capacity)),
    x: cursor.float64(capacity),
    y: cursor.float64(capacity),
    z: cursor.float64(capacity),
    flags: cursor.int32(capacity),
    reportedAtMs: cursor.float64(capacity),
    earliestExpiryMs: cursor.float64(capacity),
    freeCores: cursor.int32(capacity),
    leasedCores: cursor.int32(capacity),
    memoryAvail: cursor.float64(capacity),
    leasedMemory: cursor.float64(capacity),
    diskAvail: cursor.float64(capacity),
    leasedDisk: cursor.float64(capacity),
    inFlight: cursor.int32(capacity),
    maxInFlight: cursor.int32(capacity),
    connections: cursor.int32(capacity),
    connectionsOf: cursor.int32(capacity * (workers + 1)),
    maxConnections: cursor.int32(capacity),
    connectionsWanted: cursor.int32(capacity),
    downEndpoints: cursor.int32(capacity),
    weight: cursor.float64(capacity),
    backupOf: cursor.int32(capacity),
    balance: declareBalanceColumns(cursor, dimensions),
    breakers: declareBreakerColumns(cursor, capacity),
    openBreakers: cursor.int32(capacity),
    rampSinceMs: cursor.float64(capacity),
    lock: cursor.int32(capacity),
    pathGroup: cursor.int32(capacity),
    generation: cursor.int32(capacity),
    epoch: cursor.int32(capacity),
    leasedGpus: cursor.int32(capacity),
    leaseCount: cursor.int32(capacity),
    firstLease: cursor.int32(capacity),
    gpuMask: perTier.map(() => cursor.int32(capacity)),
    inFlightOf: cursor.int32(capacity * (workers + 1)),
    retriesOf: cursor.int32(capacity * (workers + 1)),
    gpuVramFree: cursor.float64(capacity * MAX_GPUS),
  };
}

/** Takes away what a row says of the backend that had it, but for its flags, breakers and leases. */
export function blankRow(
  columns: BackendColumns,
  row: number,
  { capacity, workers }: { readonly capacity: number; readonly workers: number },
): void {
  columns.inFlight[row] = 0;
  columns.maxInFlight[row] = 0;
  columns.connections[row] = 0;
  columns.maxConnections[row] = 0;
  columns.connectionsWanted[row] = 0;
  for (let thread = 0; thread <= workers; thread++) {
    columns.inFlightOf[thread * capacity + row] = 0;
    columns.connectionsOf[thread * capacity + row] = 0;
  }
  columns.pathGroup[row] = 0;
  columns.downEndpoints[row] = 0;
  columns.rampSinceMs[row] = 0;
  columns.weight[row] = 1;
  columns.backupOf[row] = NO_BACKUP;
  columns.freeCores[row] = 0;
  columns.memoryAvail[row] = 0;
  columns.diskAvail[row] = 0;
  for (const scores of columns.baseScore) scores[row] = Infinity;
  for (const masks of columns.gpuMask) masks[row] = 0;
}

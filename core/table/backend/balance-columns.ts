import type { ColumnCursor } from "../buffer-layout.ts";
import { f64, i32 } from "../buffer-layout.ts";
import type { Hash64 } from "../keyed-hash.ts";

/**
 * What strategies remember, shared by all threads so that these act as one, and kept when the strategy is changed. One
 * number per row unless said otherwise.
 */
export interface BalanceColumns {
  /** By tier and kind of request: the row that was picked last in turn; see {@link turnAt}. */
  readonly turn: Int32Array;
  /** By tier: guards `smooth`. */
  readonly smoothLock: Int32Array;
  /** By tier: what each row has saved up of its share of the requests, in units of weight. */
  readonly smooth: readonly Float64Array[];
  /** Peak-sensitive mean of the time to a response's head, and when that was last fed; 0 = never. */
  readonly latencyMs: Float64Array;
  readonly latencyAtMs: Float64Array;
  /** Since when an answer is awaited, with none of any request since; 0 = none is. */
  readonly awaitedSinceMs: Float64Array;
  /** The mean latency by how many requests were in flight beside: {@link LOAD_LEVELS} per row; 0 = never fed. */
  readonly latencyAtLoad: Float64Array;
  /** How much of the row's CPU one busy core is, in percent. */
  readonly coreCost: Float64Array;
  /** Cores that were at work for requests and leases when the last reports were made, as far as these can show it. */
  readonly seenLoad: Float64Array;
  /** Stands for the backend in hashes, whatever row it has. */
  readonly identityHi: Int32Array;
  readonly identityLo: Int32Array;
}

/** How many turns a tier has, so that requests for different backends need not share one. */
const TURNS_PER_TIER = 256;

/** No request in flight beside, one, 2 to 3, 4 to 7, and so on; the last is for 64 and more. */
export const LOAD_LEVELS = 8;

/**
 * A report is a mean over some time: it shows about half of what has begun since the one before, and the rest later.
 */
const SHOWN_BY_A_REPORT = 0.5;
/** Of a backend whose cores nobody knows: as if it had eight. */
const USUAL_CORE_COST = 100 / 8;

export function declareBalanceColumns(
  cursor: ColumnCursor,
  { capacity, tiers }: { readonly capacity: number; readonly tiers: number },
): BalanceColumns {
  return {
    coreCost: cursor.float64(capacity),
    seenLoad: cursor.float64(capacity),
    latencyMs: cursor.float64(capacity),
    latencyAtMs: cursor.float64(capacity),
    awaitedSinceMs: cursor.float64(capacity),
    latencyAtLoad: cursor.float64(capacity * LOAD_LEVELS),
    identityHi: cursor.int32(capacity),
    identityLo: cursor.int32(capacity),
    turn: cursor.int32(tiers * TURNS_PER_TIER),
    smoothLock: cursor.int32(tiers),
    smooth: Array.from({ length: tiers }, () => cursor.float64(capacity)),
  };
}

/** Forgets what was learned of the row's last owner. */
export function beginBalance(columns: BalanceColumns, row: number, identity: Hash64): void {
  columns.coreCost[row] = USUAL_CORE_COST;
  columns.seenLoad[row] = 0;
  columns.latencyMs[row] = 0;
  columns.latencyAtMs[row] = 0;
  columns.awaitedSinceMs[row] = 0;
  columns.latencyAtLoad.fill(0, row * LOAD_LEVELS, (row + 1) * LOAD_LEVELS);
  columns.identityHi[row] = identity.hi;
  columns.identityLo[row] = identity.lo;
  for (const smooth of columns.smooth) smooth[row] = 0;
}

/**
 * Where the turn of a kind of request is. Requests that different backends may serve have turns of their own: those of
 * two services that come by turns would else find the first backend of each next, time after time. Two kinds of which the
 * upper bits of the hash are the same, one pair in 256, share a turn.
 */
export function turnAt(tier: number, kind: number): number {
  return tier * TURNS_PER_TIER + (kind >>> 24);
}

/** Takes over from a new report: a part of the load of now is in its figures from here on, if it has any of the CPU. */
export function noteReport(columns: BalanceColumns, row: number, load: number, coreCost?: number): void {
  const seen = f64(columns.seenLoad, row);
  columns.seenLoad[row] = coreCost === undefined ? 0 : seen + (load - seen) * SHOWN_BY_A_REPORT;
  columns.coreCost[row] = coreCost ?? USUAL_CORE_COST;
}

/** Gives the tiers whose shares the holder of `owner` was changing back to the others, when its thread has died. */
export function releaseSmooth(columns: BalanceColumns, owner: number): void {
  for (let tier = 0; tier < columns.smoothLock.length; tier++) {
    if (i32(columns.smoothLock, tier) === owner) Atomics.compareExchange(columns.smoothLock, tier, owner, 0);
  }
}

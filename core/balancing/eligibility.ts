import type { Tier } from "../plane/snapshot.ts";
import {
  type BackendColumns,
  CLAIMED,
  DRAINING,
  ENABLED,
  LOCATED,
  UNHEALTHY,
} from "../table/backend-columns.ts";
import { f64, i32 } from "../table/buffer-layout.ts";
import { lock, unlock } from "../table/spin-lock.ts";
import type { Tables } from "../table/tables.ts";
import { popCount } from "./bits.ts";
import {
  CPU_FILTER,
  DISABLED_FILTER,
  DISK_FILTER,
  DRAINING_FILTER,
  EXCLUDED_FILTER,
  GPU_FILTER,
  MEMORY_FILTER,
  PATH_FILTER,
  STALE_FILTER,
  UNHEALTHY_FILTER,
} from "./filters.ts";
import type { PickerOptions } from "./options.ts";
import type { PickQuery } from "./pick.ts";
import type { StrategyView } from "./strategy.ts";

const NO_SCORES = new Float64Array(0);
const NO_MASKS = new Int32Array(0);
const NOTHING: Tier = {
  name: "",
  vcpu: 0,
  memoryBytes: 0,
  storageBytes: 0,
  gpus: 0,
  gpuMemoryBytes: 0,
  reservation: "request",
};

/**
 * The filters: which rows may take the query that {@link Eligibility.prepare} was last given. One per thread; it is
 * also what strategies see of the rows.
 */
export class Eligibility implements StrategyView {
  readonly columns: BackendColumns;
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly z: Float64Array;
  readonly inFlight: Int32Array;
  limit = 0;
  baseScore: Float64Array = NO_SCORES;
  /** Qualifying GPUs of each row for the query's tier. */
  gpuMask: Int32Array = NO_MASKS;
  allLocated = true;
  tier: Tier = NOTHING;
  readonly #tables: Tables;
  readonly #options: PickerOptions;
  #nowMs = 0;
  #excluded: readonly number[] = [];
  /** Null when the path removes nobody. */
  #endpointOfGroup: Int32Array | null = null;

  constructor(tables: Tables, options: PickerOptions) {
    this.#tables = tables;
    this.#options = options;
    this.columns = tables.backends.columns;
    this.x = this.columns.x;
    this.y = this.columns.y;
    this.z = this.columns.z;
    this.inFlight = this.columns.inFlight;
  }

  /** Turns to a query; everything else speaks of the query last given here. */
  prepare(query: PickQuery): void {
    const { backends } = this.#tables;
    this.limit = backends.limit;
    this.allLocated = backends.unlocated === 0;
    this.tier = this.#options.tiers[query.tier] ?? NOTHING;
    this.baseScore = this.columns.baseScore[query.tier] ?? NO_SCORES;
    this.gpuMask = this.columns.gpuMask[query.tier] ?? NO_MASKS;
    this.#nowMs = query.nowMs;
    this.#excluded = query.excluded;
    this.#endpointOfGroup = this.#pathFilter(query.endpointOfGroup);
  }

  isLocated(row: number): boolean {
    return (i32(this.columns.flags, row) & LOCATED) !== 0;
  }

  isEligible(row: number): boolean {
    return this.failing(row) < 0;
  }

  /** The first filter that removes the row, or -1; leases that have expired are ended first. */
  failing(row: number): number {
    const filter = this.failingState(row);
    if (filter >= 0) return filter;
    this.reap(row);
    return this.failingRoom(row);
  }

  /** {@link Eligibility.failing} for a caller that holds the row's lock. */
  failingLocked(row: number): number {
    const filter = this.failingState(row);
    if (filter >= 0) return filter;
    this.reapLocked(row);
    return this.failingRoom(row);
  }

  /** The first filter but those of capacity. */
  failingState(row: number): number {
    const flags = i32(this.columns.flags, row);
    if ((flags & ENABLED) === 0) return DISABLED_FILTER;
    if ((flags & DRAINING) !== 0) return DRAINING_FILTER;
    if (this.isStale(row)) return STALE_FILTER;
    if (this.#options.healthChecks && (flags & UNHEALTHY) !== 0) return UNHEALTHY_FILTER;
    if (!this.servesPath(row)) return PATH_FILTER;
    return this.#excluded.length > 0 && this.#excluded.includes(row) ? EXCLUDED_FILTER : -1;
  }

  /** The first filter of capacity: what is reported, less what is leased, must hold the tier. */
  failingRoom(row: number): number {
    const { columns, tier } = this;
    if (i32(columns.freeCores, row) - i32(columns.leasedCores, row) < tier.vcpu) return CPU_FILTER;
    if (f64(columns.memoryAvail, row) - f64(columns.leasedMemory, row) < tier.memoryBytes)
      return MEMORY_FILTER;
    if (f64(columns.diskAvail, row) - f64(columns.leasedDisk, row) < tier.storageBytes) return DISK_FILTER;
    return tier.gpus > 0 && popCount(this.freeGpus(row)) < tier.gpus ? GPU_FILTER : -1;
  }

  /** Whether a session that has the row may keep it: like the filters, but draining and room play no part. */
  mayKeep(row: number): boolean {
    const flags = i32(this.columns.flags, row);
    if ((flags & ENABLED) === 0 || this.isStale(row)) return false;
    if (this.#options.healthChecks && (flags & UNHEALTHY) !== 0) return false;
    return !this.#excluded.includes(row);
  }

  isStale(row: number): boolean {
    return this.#nowMs - f64(this.columns.reportedAtMs, row) > this.#options.staleMs;
  }

  servesPath(row: number): boolean {
    const endpoints = this.#endpointOfGroup;
    return endpoints === null || (endpoints[i32(this.columns.pathGroup, row)] ?? -1) >= 0;
  }

  /** Index of the endpoint of a row that serves the path; the first when none does or the path plays no part. */
  endpointOf(row: number): number {
    return Math.max(0, this.#endpointOfGroup?.[i32(this.columns.pathGroup, row)] ?? 0);
  }

  /** The GPUs of a row that qualify for the tier and that no lease names. */
  freeGpus(row: number): number {
    return i32(this.gpuMask, row) & ~i32(this.columns.leasedGpus, row);
  }

  /** Ends the row's expired leases, if there can be any. */
  reap(row: number): void {
    if (f64(this.columns.earliestExpiryMs, row) > this.#nowMs) return;
    lock(this.columns.lock, row, this.#tables.backends.owner);
    this.reapLocked(row);
    unlock(this.columns.lock, row);
  }

  reapLocked(row: number): void {
    if (f64(this.columns.earliestExpiryMs, row) > this.#nowMs) return;
    this.#tables.leases.reapLocked(row, this.#nowMs);
  }

  isClaimed(row: number): boolean {
    return (i32(this.columns.flags, row) & CLAIMED) !== 0;
  }

  /** The path removes backends only if an enabled one serves it; else every backend stays, with its first endpoint. */
  #pathFilter(endpointOfGroup: Int32Array | null): Int32Array | null {
    if (endpointOfGroup === null || !endpointOfGroup.some(isEndpoint)) return null;
    const { flags, pathGroup } = this.columns;
    for (let row = 0; row < this.limit; row++) {
      const isEnabled = (i32(flags, row) & ENABLED) !== 0;
      if (isEnabled && isEndpoint(endpointOfGroup[i32(pathGroup, row)])) return endpointOfGroup;
    }
    return null;
  }
}

function isEndpoint(index: number | undefined): boolean {
  return index !== undefined && index >= 0;
}

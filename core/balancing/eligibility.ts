import type { Tier } from "../plane/snapshot.ts";
import { evenly, rampShare } from "../resilience/slow-start.ts";
import {
  BACKUP_OF_ALL,
  type BackendColumns,
  CLAIMED,
  DRAINING,
  ENABLED,
  GPUS_UNKNOWN,
  LOCATED,
  NO_BACKUP,
  UNHEALTHY,
} from "../table/backend/backend-columns.ts";
import { turnAt } from "../table/backend/balance-columns.ts";
import { breakerOf } from "../table/backend/breaker-columns.ts";
import { f64, i32 } from "../table/buffer-layout.ts";
import { lock, unlock } from "../table/spin-lock.ts";
import type { Tables } from "../table/tables.ts";
import { popCount } from "./bits.ts";
import { Breakers } from "./breakers.ts";
import {
  BACKUP_FILTER,
  CPU_FILTER,
  DISABLED_FILTER,
  DISK_FILTER,
  DRAINING_FILTER,
  EJECTED_FILTER,
  EXCLUDED_FILTER,
  GPU_FILTER,
  LIMIT_FILTER,
  MEMORY_FILTER,
  MIGRATION_FILTER,
  PATH_FILTER,
  STALE_FILTER,
  UNHEALTHY_FILTER,
  WEIGHT_FILTER,
} from "./filters.ts";
import { MigrationFilter } from "./migration-filter.ts";
import type { PickerOptions } from "./options.ts";
import { kindOf, pathFilterOf } from "./path-filter.ts";
import type { PickQuery } from "./pick.ts";
import type { StrategyView } from "./strategies/strategy.ts";

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
  readonly owner: number;
  limit = 0;
  baseScore: Float64Array = NO_SCORES;
  /** Qualifying GPUs of each row for the query's tier. */
  gpuMask: Int32Array = NO_MASKS;
  allLocated = true;
  tier: Tier = NOTHING;
  readonly breakers: Breakers;
  readonly migration: MigrationFilter;
  /** A row that would do has been left out of this pick because it is only just back. */
  heldBack = false;
  readonly #tables: Tables;
  #options: PickerOptions;
  #nowMs = 0;
  #tier = 0;
  #excluded: readonly number[] = [];
  /** Null when the path removes nobody. */
  #endpointOfGroup: Int32Array | null = null;
  /** So few backends are healthy that all are used. */
  #panics = false;
  #stateVersion = -1;
  /** Rows that are only just back may be left out. */
  #ramps = false;
  #picks = 0;
  /** Some rows have a part in a migration. */
  #migrates = false;
  /** Some rows stand in for others. */
  #hasBackups = false;
  /** Whether a row that is no backup of all can take the query; null = not looked at yet. */
  #othersCan: boolean | null = null;

  constructor(tables: Tables, options: PickerOptions) {
    this.#tables = tables;
    this.#options = options;
    this.columns = tables.backends.columns;
    this.x = this.columns.x;
    this.y = this.columns.y;
    this.z = this.columns.z;
    this.inFlight = this.columns.inFlight;
    this.owner = tables.backends.owner;
    this.breakers = new Breakers(tables.backends, options.breakers);
    this.migration = new MigrationFilter(tables.migration, tables.worker);
  }

  /** Changes the options of later picks. */
  setOptions(options: PickerOptions): void {
    this.#options = options;
    this.breakers.setOptions(options.breakers);
    this.#stateVersion = -1;
    this.#panics = false;
  }

  /** Turns to a query; everything else speaks of the query last given here. */
  prepare(query: PickQuery): void {
    const { backends } = this.#tables;
    this.limit = backends.limit;
    this.allLocated = backends.unlocated === 0;
    this.#tier = query.tier;
    this.tier = this.#options.tiers[query.tier] ?? NOTHING;
    this.baseScore = this.columns.baseScore[query.tier] ?? NO_SCORES;
    this.gpuMask = this.columns.gpuMask[query.tier] ?? NO_MASKS;
    this.#nowMs = query.nowMs;
    this.#excluded = query.excluded;
    this.#endpointOfGroup = pathFilterOf(this.columns, this.limit, query.endpointOfGroup);
    if (this.#options.panicBelow > 0) this.#updatePanic();
    this.#ramps = this.#options.slowStartMs > 0;
    this.heldBack = false;
    this.#hasBackups = backends.preferences.backupRows > 0;
    this.#othersCan = null;
    this.#migrates = this.migration.prepare(query);
    this.#picks++;
  }

  /** Forgets what was seen of the rows: another thread has taken the last room of one. */
  lookAgain(): void {
    this.#othersCan = null;
  }

  /** Lets this pick have rows that are only just back as well: there are no others. */
  ignoreRamp(): void {
    this.#ramps = false;
    this.heldBack = false;
  }

  get turnAt(): number {
    const audience = this.#migrates ? this.migration.audience : 0;
    return turnAt(this.#tier, kindOf(this.columns, this.limit, this.#endpointOfGroup, audience));
  }

  isLocated(row: number): boolean {
    return (i32(this.columns.flags, row) & LOCATED) !== 0;
  }

  isEligible(row: number): boolean {
    if (this.failing(row) >= 0) return false;
    if (!this.#ramps || !this.#isHeldBack(row)) return true;
    this.heldBack = true;
    return false;
  }

  /** The first filter that removes the row, or -1; leases that have expired are ended first. */
  failing(row: number): number {
    const filter = this.failingState(row);
    if (filter >= 0) return filter;
    this.reap(row);
    const room = this.failingRoom(row);
    return room < 0 && this.#hasBackups && this.#hasToWait(row) ? BACKUP_FILTER : room;
  }

  /** {@link Eligibility.failing} for a caller that holds the row's lock, but for what other rows decide. */
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
    if (f64(this.columns.weight, row) === 0) return WEIGHT_FILTER;
    if (this.isStale(row)) return STALE_FILTER;
    if (!this.#panics) {
      if (this.#isUnhealthy(row, flags)) return UNHEALTHY_FILTER;
      if (this.#isEjected(row)) return EJECTED_FILTER;
    }
    if (!this.servesPath(row)) return PATH_FILTER;
    if (this.#migrates && this.migration.removes(row)) return MIGRATION_FILTER;
    return this.#excluded.length > 0 && this.#excluded.includes(row) ? EXCLUDED_FILTER : -1;
  }

  /** The first filter of capacity: what is reported, less what is leased, must hold the tier. */
  failingRoom(row: number): number {
    const { columns, tier } = this;
    if (this.isAtLimit(row)) return LIMIT_FILTER;
    if (i32(columns.freeCores, row) - i32(columns.leasedCores, row) < tier.vcpu) return CPU_FILTER;
    if (f64(columns.memoryAvail, row) - f64(columns.leasedMemory, row) < tier.memoryBytes)
      return MEMORY_FILTER;
    if (f64(columns.diskAvail, row) - f64(columns.leasedDisk, row) < tier.storageBytes) return DISK_FILTER;
    return tier.gpus > 0 && !this.hasGpusFor(row) ? GPU_FILTER : -1;
  }

  /** Whether enough GPUs of the row qualify, or nobody knows which it has. */
  hasGpusFor(row: number): boolean {
    if ((i32(this.columns.flags, row) & GPUS_UNKNOWN) !== 0) return true;
    return popCount(this.freeGpus(row)) >= this.tier.gpus;
  }

  /** Whether a session that has the row may keep it: like the filters, but draining, weight and room play no part, nor whose backup it is. */
  mayKeep(row: number): boolean {
    const flags = i32(this.columns.flags, row);
    if ((flags & ENABLED) === 0 || this.isStale(row)) return false;
    if (!this.#panics && (this.#isUnhealthy(row, flags) || this.#isEjected(row))) return false;
    if (this.#migrates && this.migration.mustLeave(row)) return false;
    return !this.#excluded.includes(row);
  }

  /** Whether the row has as many requests in flight as it may have. */
  isAtLimit(row: number): boolean {
    const most = i32(this.columns.maxInFlight, row);
    return most > 0 && i32(this.columns.inFlight, row) >= most;
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

  /** The circuit breaker of that endpoint. */
  breakerOf(row: number): number {
    return breakerOf(row, this.endpointOf(row));
  }

  /** The GPUs of a row that qualify for the tier and that no lease names. */
  freeGpus(row: number): number {
    return i32(this.gpuMask, row) & ~i32(this.columns.leasedGpus, row);
  }

  unseenLoad(row: number): number {
    const { inFlight, leasedCores, balance } = this.columns;
    if ((i32(inFlight, row) | i32(leasedCores, row)) === 0) return 0;
    this.reap(row);
    const load = Math.max(i32(inFlight, row), i32(leasedCores, row));
    return load === 0 ? 0 : Math.max(0, load - f64(balance.seenLoad, row));
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

  /** Whether the row is a backup of one that can take the query. */
  #hasToWait(row: number): boolean {
    const backupOf = i32(this.columns.backupOf, row);
    if (backupOf === NO_BACKUP) return false;
    if (backupOf !== BACKUP_OF_ALL) return this.#canTake(backupOf) && !this.#leadsCircle(row);
    if (this.#othersCan !== null) return this.#othersCan;
    let found = false;
    for (let other = 0; other < this.limit && !found; other++) {
      found = i32(this.columns.backupOf, other) !== BACKUP_OF_ALL && this.#canTake(other);
    }
    this.#othersCan = found;
    return found;
  }

  /** Of rows that stand in for each other, the lowest does not wait: else all would. */
  #leadsCircle(row: number): boolean {
    const { backupOf } = this.columns;
    let at = i32(backupOf, row);
    for (let steps = 0; at > row && steps < this.limit; steps++) at = i32(backupOf, at);
    return at === row;
  }

  /** Whether the row passes the filters by itself; an unhealthy one is no reason to leave a backup idle, even in a panic. */
  #canTake(row: number): boolean {
    const panics = this.#panics;
    this.#panics = false;
    const isFit = this.failingState(row) < 0;
    this.#panics = panics;
    if (!isFit) return false;
    this.reap(row);
    return this.failingRoom(row) < 0;
  }

  #isUnhealthy(row: number, flags: number): boolean {
    if (!this.#options.healthChecks) return false;
    if ((flags & UNHEALTHY) !== 0) return true;
    const down = i32(this.columns.downEndpoints, row);
    return down !== 0 && (down & (1 << this.endpointOf(row))) !== 0;
  }

  #isEjected(row: number): boolean {
    return (
      i32(this.columns.openBreakers, row) !== 0 && this.breakers.blocks(this.breakerOf(row), this.#nowMs)
    );
  }

  #isHeldBack(row: number): boolean {
    const sinceMs = f64(this.columns.rampSinceMs, row);
    if (sinceMs === 0) return false;
    const share = rampShare(this.#nowMs - sinceMs, this.#options.slowStartMs);
    return share < 1 && evenly(this.#picks, row) >= share;
  }

  /** Counts anew only after a change: states change rarely, picks are many. */
  #updatePanic(): void {
    const { stateVersion } = this.#tables.backends;
    if (stateVersion === this.#stateVersion) return;
    this.#stateVersion = stateVersion;
    let enabled = 0;
    let good = 0;
    for (let row = 0; row < this.limit; row++) {
      const flags = i32(this.columns.flags, row);
      if ((flags & ENABLED) === 0) continue;
      enabled++;
      const isUnhealthy = this.#options.healthChecks && (flags & UNHEALTHY) !== 0;
      if (!isUnhealthy && i32(this.columns.openBreakers, row) === 0) good++;
    }
    this.#panics = good < this.#options.panicBelow * enabled;
  }
}

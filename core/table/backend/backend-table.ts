import { unitVector } from "../../scoring/place.ts";
import { allocateTable, ColumnCursor, f64, i32, openHeader } from "../buffer-layout.ts";
import type { Hash64 } from "../keyed-hash.ts";
import { CONTROL_PLANE, lock, lockOwner, unlock } from "../spin-lock.ts";
import {
  type BackendColumns,
  blankRow,
  CLAIMED,
  DRAINING,
  declareBackendColumns,
  ENABLED,
  GPUS_UNKNOWN,
  LOCATED,
  NO_BACKUP,
  UNHEALTHY,
} from "./backend-columns.ts";
import { beginBalance } from "./balance-columns.ts";
import { OpenBreakers } from "./open-breakers.ts";
import { type Preference, Preferences } from "./preferences.ts";
import type { ClaimedRow, RowFigures } from "./row-figures.ts";
import { writeFigures } from "./write-figures.ts";

const MARK = 0x6f70_6265;
/** Words of the header. */
const CAPACITY = 1;
const TIERS = 2;
const WORKERS = 3;
const LIMIT = 4;
const UNLOCATED = 5;
const ENABLED_ROWS = 6;
/** Rows of which a breaker is not closed. */
const EJECTED_ROWS = 7;
/** Moves on when the state of any row changes: enabled, healthy, draining, ejected. */
const STATE_VERSION = 8;
/** Rows that stand in for others. */
const BACKUP_ROWS = 9;
/** Moves on when a row is claimed or given back. */
const ROW_VERSION = 10;

/**
 * One row per backend. The control plane claims, writes and releases rows; workers read them and, through leases,
 * raise and lower what is taken. Setters take effect for the next pick of any thread.
 */
export class BackendTable {
  readonly capacity: number;
  readonly tierCount: number;
  readonly workers: number;
  /** For the code of tables and balancing alone. */
  readonly columns: BackendColumns;
  /** Mark of this thread in locks. */
  readonly owner: number;
  readonly openBreakers: OpenBreakers;
  readonly preferences: Preferences;
  readonly #header: Int32Array;
  /** Ends the leases of a row, whose lock is held; set by openTables. */
  #endLeases: (row: number) => void = () => {};
  /** Told when requests that found no room may find some; set by openTables. */
  #onRoom: () => void = () => {};

  static allocate(capacity: number, tiers: number, workers: number): SharedArrayBuffer {
    const dimensions = { capacity, tiers, workers };
    return allocateTable(MARK, [capacity, tiers, workers], (cursor) =>
      declareBackendColumns(cursor, dimensions),
    );
  }

  constructor(buffer: SharedArrayBuffer, worker: number = CONTROL_PLANE) {
    this.#header = openHeader(buffer, MARK);
    this.capacity = i32(this.#header, CAPACITY);
    this.tierCount = i32(this.#header, TIERS);
    this.workers = i32(this.#header, WORKERS);
    this.owner = lockOwner(worker);
    this.columns = declareBackendColumns(new ColumnCursor(buffer), {
      capacity: this.capacity,
      tiers: this.tierCount,
      workers: this.workers,
    });
    this.openBreakers = new OpenBreakers(this.columns, this.#header, EJECTED_ROWS);
    this.preferences = new Preferences(this.columns, this.#header, BACKUP_ROWS);
  }

  /** Says what ends the leases of a row that is released. */
  onRelease(endLeases: (row: number) => void): void {
    this.#endLeases = endLeases;
  }

  /** Says who is told when a report or a change of state may have made room. */
  onRoom(told: () => void): void {
    this.#onRoom = told;
  }

  /** One more than the highest claimed row: where every scan ends. */
  get limit(): number {
    return Atomics.load(this.#header, LIMIT);
  }

  /** How many claimed rows have no known location. */
  get unlocated(): number {
    return Atomics.load(this.#header, UNLOCATED);
  }

  get enabledRows(): number {
    return Atomics.load(this.#header, ENABLED_ROWS);
  }

  /** Differs from an earlier value when a row has since been enabled, healthy, draining or ejected, or stopped to be. */
  get stateVersion(): number {
    return Atomics.load(this.#header, STATE_VERSION);
  }

  /** Differs from an earlier value when a row has since been claimed or given back. */
  get rowVersion(): number {
    return Atomics.load(this.#header, ROW_VERSION);
  }

  /**
   * Takes the lowest free row, not enabled and without figures; null when the table is full. `identity` stands for the
   * backend in hashes. Control plane only.
   */
  claimRow(identity: Hash64 | null = null): ClaimedRow | null {
    const columns = this.columns;
    for (let row = 0; row < this.capacity; row++) {
      if (this.isClaimed(row)) continue;
      lock(columns.lock, row, this.owner);
      const generation = i32(columns.generation, row) + 1;
      columns.generation[row] = generation;
      columns.reportedAtMs[row] = -Infinity;
      columns.earliestExpiryMs[row] = Infinity;
      for (const scores of columns.baseScore) scores[row] = Infinity;
      columns.weight[row] = 1;
      columns.backupOf[row] = NO_BACKUP;
      beginBalance(columns.balance, row, identity ?? { hi: row, lo: 0 });
      Atomics.store(columns.flags, row, CLAIMED);
      unlock(columns.lock, row);
      Atomics.add(this.#header, UNLOCATED, 1);
      Atomics.add(this.#header, ROW_VERSION, 1);
      if (row >= this.limit) Atomics.store(this.#header, LIMIT, row + 1);
      return { row, generation: i32(columns.generation, row) };
    }
    return null;
  }

  /** Gives a row back: its leases end, its sticky assignments and the picks that hold it become void. */
  releaseRow(row: number): void {
    const columns = this.columns;
    if (!this.isClaimed(row)) return;
    lock(columns.lock, row, this.owner);
    this.#endLeases(row);
    if ((i32(columns.flags, row) & LOCATED) === 0) Atomics.sub(this.#header, UNLOCATED, 1);
    columns.generation[row] = i32(columns.generation, row) + 1;
    columns.epoch[row] = i32(columns.epoch, row) + 1;
    this.openBreakers.clearLocked(row);
    this.preferences.clear(row, this.limit);
    blankRow(columns, row, this);
    const flags = Atomics.exchange(columns.flags, row, 0);
    if ((flags & ENABLED) !== 0) Atomics.sub(this.#header, ENABLED_ROWS, 1);
    this.#stateChanged();
    unlock(columns.lock, row);
    Atomics.add(this.#header, ROW_VERSION, 1);
    let limit = this.limit;
    while (limit > 0 && !this.isClaimed(limit - 1)) limit--;
    Atomics.store(this.#header, LIMIT, limit);
  }

  setEnabled(row: number, on: boolean): void {
    if (this.#setFlag(row, ENABLED, on)) Atomics.add(this.#header, ENABLED_ROWS, on ? 1 : -1);
  }

  /** `false` lets the filter "unhealthy" remove the row, and voids the sticky assignments to it. */
  setHealthy(row: number, on: boolean): void {
    const wasHealthy = this.isHealthy(row);
    this.#setFlag(row, UNHEALTHY, !on);
    if (wasHealthy && !on) Atomics.add(this.columns.epoch, row, 1);
  }

  /** A draining backend keeps its sticky sessions and gets no others. */
  setDraining(row: number, on: boolean): void {
    this.#setFlag(row, DRAINING, on);
  }

  /** Says that nobody knows the GPUs of a backend, so that no tier is refused for them. */
  setGpusUnknown(row: number, on: boolean): void {
    this.#setFlag(row, GPUS_UNKNOWN, on);
  }

  /** Bounds the requests in flight and the connections of all threads; 0 = no bound. */
  setLimits(row: number, requests: number, connections: number): void {
    this.columns.maxInFlight[row] = requests;
    this.columns.maxConnections[row] = connections;
    this.#onRoom();
  }

  /** Sets the row's weight and whose backup it is; see {@link Preferences.set}. */
  setPreference(row: number, preference: Preference): void {
    if (!this.isClaimed(row)) return;
    this.preferences.set(row, preference);
    this.#stateChanged();
  }

  /** Says by bits which endpoints fail their probes while others of the row do not. */
  setDownEndpoints(row: number, bits: number): void {
    if (this.columns.downEndpoints[row] === bits) return;
    this.columns.downEndpoints[row] = bits;
    this.#stateChanged();
  }

  /** Lets the row have its share back little by little from now on. */
  startRamp(row: number, nowMs: number): void {
    this.columns.rampSinceMs[row] = nowMs;
  }

  /** Counts one more breaker of the row that is not closed, unless more than a share of the enabled rows would have one. */
  ejectLocked(row: number, maxShare: number): boolean {
    const isEjected = this.openBreakers.addLocked(row, Math.floor(maxShare * this.enabledRows));
    if (isEjected) this.#stateChanged();
    return isEjected;
  }

  /** Counts one less. */
  admitLocked(row: number): void {
    this.openBreakers.removeLocked(row);
    this.#stateChanged();
  }

  setPathGroup(row: number, group: number): void {
    this.columns.pathGroup[row] = group;
  }

  /** Sets the place in degrees; null, or both 0, means unknown. */
  setLocation(row: number, latDeg: number | null, lonDeg: number | null): void {
    const place = unitVector(latDeg, lonDeg);
    const columns = this.columns;
    if (!this.isClaimed(row)) return;
    lock(columns.lock, row, this.owner);
    const was = (i32(columns.flags, row) & LOCATED) !== 0;
    if (place !== null) {
      columns.x[row] = place.x;
      columns.y[row] = place.y;
      columns.z[row] = place.z;
    }
    this.#setFlag(row, LOCATED, place !== null);
    unlock(columns.lock, row);
    if (was !== (place !== null)) Atomics.add(this.#header, UNLOCATED, was ? 1 : -1);
  }

  /** Writes everything that a report or a probe changes, in one step as seen by claims. */
  writeReport(row: number, figures: RowFigures): void {
    const columns = this.columns;
    lock(columns.lock, row, this.owner);
    writeFigures(columns, row, figures);
    unlock(columns.lock, row);
    this.#onRoom();
  }

  isClaimed(row: number): boolean {
    return (i32(this.columns.flags, row) & CLAIMED) !== 0;
  }

  isEnabled(row: number): boolean {
    return (i32(this.columns.flags, row) & ENABLED) !== 0;
  }

  isHealthy(row: number): boolean {
    return (i32(this.columns.flags, row) & UNHEALTHY) === 0;
  }

  isDraining(row: number): boolean {
    return (i32(this.columns.flags, row) & DRAINING) !== 0;
  }

  generation(row: number): number {
    return i32(this.columns.generation, row);
  }

  /** Number that a sticky assignment to the row must carry to count. */
  epoch(row: number): number {
    return i32(this.columns.epoch, row);
  }

  pathGroup(row: number): number {
    return i32(this.columns.pathGroup, row);
  }

  /** Time of the last report, -Infinity without one. */
  reportedAtMs(row: number): number {
    return f64(this.columns.reportedAtMs, row);
  }

  freeCores(row: number): number {
    return i32(this.columns.freeCores, row);
  }

  memoryAvailBytes(row: number): number {
    return f64(this.columns.memoryAvail, row);
  }

  diskAvailBytes(row: number): number {
    return f64(this.columns.diskAvail, row);
  }

  /** Weighted cpu, memory, gpu and latency terms together; Infinity before the first report. */
  baseScore(row: number, tier: number): number {
    return this.columns.baseScore[tier]?.[row] ?? Infinity;
  }

  inFlight(row: number): number {
    return i32(this.columns.inFlight, row);
  }

  /** How many leases the row holds, those included that have expired but were not looked at since. */
  leaseCount(row: number): number {
    return i32(this.columns.leaseCount, row);
  }

  leasedCores(row: number): number {
    return i32(this.columns.leasedCores, row);
  }

  /** Runs `work` with the row locked; not for the hot path. */
  withLock(row: number, work: () => void): void {
    lock(this.columns.lock, row, this.owner);
    try {
      work();
    } finally {
      unlock(this.columns.lock, row);
    }
  }

  #stateChanged(): void {
    Atomics.add(this.#header, STATE_VERSION, 1);
    this.#onRoom();
  }

  /** Says whether the flag was different. A row that nobody has stays blank: a probe may end after its backend was removed. */
  #setFlag(row: number, flag: number, on: boolean): boolean {
    if (!this.isClaimed(row)) return false;
    const { flags } = this.columns;
    const before = on ? Atomics.or(flags, row, flag) : Atomics.and(flags, row, ~flag);
    if (((before & flag) !== 0) === on) return false;
    this.#stateChanged();
    return true;
  }
}

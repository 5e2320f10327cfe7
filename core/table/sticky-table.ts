import { allocateTable, ColumnCursor, f64, i32, openHeader } from "./buffer-layout.ts";
import { type Hash64, hashText } from "./keyed-hash.ts";
import { CONTROL_PLANE, lock, lockOwner, unlock, unlockOf } from "./spin-lock.ts";

const MARK = 0x6f70_7374;
const WAYS = 16;
const SETS = 1;

/** Which backend a session has; a row's generation and epoch must still be these for it to count. */
export interface StickyEntry {
  readonly hi: number;
  readonly lo: number;
  readonly tier: number;
  readonly row: number;
  readonly generation: number;
  readonly epoch: number;
  readonly lastUseMs: number;
}

/** The columns of the sticky table, one number per way each; guarded by the lock of the way's set. */
export interface StickyColumns {
  readonly lock: Int32Array;
  readonly keyHi: Int32Array;
  readonly keyLo: Int32Array;
  /** Tier + 1; 0 = the way is empty. */
  readonly tierPlusOne: Int32Array;
  readonly row: Int32Array;
  readonly generation: Int32Array;
  readonly epoch: Int32Array;
  /** Slot and generation of the session's lease, which may have ended. */
  readonly lease: Int32Array;
  readonly leaseGeneration: Int32Array;
  readonly lastUseMs: Float64Array;
}

/** Hashes a sticky id to the 64 bits under which the table knows it. */
export function hashStickyId(text: string, seed = 0): Hash64 {
  return hashText(text, seed, seed);
}

/**
 * Sessions and their backends: 16-way set associative, the set chosen by the id alone, so that all tiers of a session
 * are in one set and under one lock. A full set forgets its least recently used entry.
 */
export class StickyTable {
  readonly columns: StickyColumns;
  readonly #sets: number;
  readonly #owner: number;

  static allocate(maxEntries: number): SharedArrayBuffer {
    const sets = Math.max(1, Math.floor(maxEntries / WAYS));
    return allocateTable(MARK, [sets], (cursor) => declare(cursor, sets));
  }

  constructor(buffer: SharedArrayBuffer, worker: number = CONTROL_PLANE) {
    this.#sets = i32(openHeader(buffer, MARK), SETS);
    this.columns = declare(new ColumnCursor(buffer), this.#sets);
    this.#owner = lockOwner(worker);
  }

  get capacity(): number {
    return this.#sets * WAYS;
  }

  /** Takes the lock of the id's set and gives the set's number, for {@link unlockSet} and the "Locked" methods. */
  lockSet(hi: number, lo: number): number {
    const set = Math.floor((((hi ^ Math.imul(lo, 0x9e37_79b1)) >>> 0) / 0x1_0000_0000) * this.#sets);
    lock(this.columns.lock, set, this.#owner);
    return set;
  }

  unlockSet(set: number): void {
    unlock(this.columns.lock, set);
  }

  /** The way that holds the session's entry for a tier, or -1. */
  findLocked(set: number, hi: number, lo: number, tier: number): number {
    const { keyHi, keyLo, tierPlusOne } = this.columns;
    const first = set * WAYS;
    for (let way = first; way < first + WAYS; way++) {
      if (keyLo[way] === (lo | 0) && keyHi[way] === (hi | 0) && tierPlusOne[way] === tier + 1) return way;
    }
    return -1;
  }

  /**
   * The way after `after` (-1 = from the start) that holds an entry of the session for any tier, or -1.
   */
  nextOfSessionLocked(set: number, hi: number, lo: number, after: number): number {
    const { keyHi, keyLo, tierPlusOne } = this.columns;
    const first = set * WAYS;
    for (let way = Math.max(first, after + 1); way < first + WAYS; way++) {
      if (keyLo[way] === (lo | 0) && keyHi[way] === (hi | 0) && tierPlusOne[way] !== 0) return way;
    }
    return -1;
  }

  /** Writes an entry without a lease, in place of the session's former one, an empty way or the least recently used. */
  putLocked(set: number, entry: StickyEntry): number {
    const { columns } = this;
    const found = this.findLocked(set, entry.hi, entry.lo, entry.tier);
    const way = found >= 0 ? found : this.#victimLocked(set);
    columns.keyHi[way] = entry.hi;
    columns.keyLo[way] = entry.lo;
    columns.tierPlusOne[way] = entry.tier + 1;
    columns.row[way] = entry.row;
    columns.generation[way] = entry.generation;
    columns.epoch[way] = entry.epoch;
    columns.lastUseMs[way] = entry.lastUseMs;
    columns.lease[way] = 0;
    columns.leaseGeneration[way] = 0;
    return way;
  }

  /** Loads a persisted assignment; an entry of the same session and tier is replaced. */
  assign(entry: StickyEntry): void {
    const set = this.lockSet(entry.hi, entry.lo);
    this.putLocked(set, entry);
    this.unlockSet(set);
  }

  /** Calls `visit` for each entry, stale ones included; `visit` must not use the table. */
  forEach(visit: (entry: StickyEntry) => void): void {
    const { columns } = this;
    for (let set = 0; set < this.#sets; set++) {
      const entries: StickyEntry[] = [];
      lock(columns.lock, set, this.#owner);
      for (let way = set * WAYS; way < (set + 1) * WAYS; way++) {
        if (columns.tierPlusOne[way] !== 0) entries.push(this.#entry(way));
      }
      unlock(columns.lock, set);
      for (const entry of entries) visit(entry);
    }
  }

  /** How many entries there are, those included that count no more but were not looked at since. */
  count(): number {
    let count = 0;
    for (const tier of this.columns.tierPlusOne) {
      if (tier !== 0) count++;
    }
    return count;
  }

  /** Frees the locks of a thread that has ended. */
  releaseLocksOf(worker: number): void {
    for (let set = 0; set < this.#sets; set++) {
      unlockOf(this.columns.lock, set, lockOwner(worker));
    }
  }

  #victimLocked(set: number): number {
    const { tierPlusOne, lastUseMs } = this.columns;
    const first = set * WAYS;
    let oldest = first;
    for (let way = first; way < first + WAYS; way++) {
      if (tierPlusOne[way] === 0) return way;
      if (f64(lastUseMs, way) < f64(lastUseMs, oldest)) oldest = way;
    }
    return oldest;
  }

  #entry(way: number): StickyEntry {
    const { columns } = this;
    return {
      hi: i32(columns.keyHi, way) >>> 0,
      lo: i32(columns.keyLo, way) >>> 0,
      tier: i32(columns.tierPlusOne, way) - 1,
      row: i32(columns.row, way),
      generation: i32(columns.generation, way),
      epoch: i32(columns.epoch, way),
      lastUseMs: f64(columns.lastUseMs, way),
    };
  }
}

function declare(cursor: ColumnCursor, sets: number): StickyColumns {
  const ways = sets * WAYS;
  return {
    lock: cursor.int32(sets),
    keyHi: cursor.int32(ways),
    keyLo: cursor.int32(ways),
    tierPlusOne: cursor.int32(ways),
    row: cursor.int32(ways),
    generation: cursor.int32(ways),
    epoch: cursor.int32(ways),
    lease: cursor.int32(ways),
    leaseGeneration: cursor.int32(ways),
    lastUseMs: cursor.float64(ways),
  };
}

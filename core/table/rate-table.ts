import { allocateTable, ColumnCursor, f64, i32, openHeader } from "./buffer-layout.ts";
import { CONTROL_PLANE, lock, lockOwner, unlock, unlockOf } from "./spin-lock.ts";

/** A limit as configured: `perMinute` in the long run, `burst` at once; `perMinute` 0 means no limit. */
export interface RateLimit {
  readonly perMinute: number;
  readonly burst: number;
}

const MARK = 0x6f70_7274;
const WAYS = 8;
const MINUTE_MS = 60_000;
/**
 * The clocks of two threads differ by less; epoch milliseconds in a Float64 are rounded to much less. A wait this short,
 * or of less than half a request, is none.
 */
const SKEW_MS = 5;
const SETS = 1;
const SEED = 2;

interface Columns {
  /** [0] milliseconds from one permitted request to the next, [1] how many may come at once. */
  readonly limit: Float64Array;
  readonly lock: Int32Array;
  readonly keyHi: Int32Array;
  readonly keyLo: Int32Array;
  /** Theoretical arrival time; 0 = the way is empty. */
  readonly tatMs: Float64Array;
}

/**
 * Rate limits per key by the generic cell rate algorithm (ITU-T I.371, virtual scheduling): one number per key, the
 * time at which the key's bucket will be full again. Eight ways to a set, each set under its own lock.
 */
export class RateTable {
  readonly #sets: number;
  readonly #seed: number;
  readonly #columns: Columns;
  readonly #owner: number;

  /** `seed` makes which keys share a set unpredictable. */
  static allocate(maxEntries: number, limit: RateLimit, seed: number): SharedArrayBuffer {
    const sets = Math.max(1, Math.floor(maxEntries / WAYS));
    const buffer = allocateTable(MARK, [sets, seed & 0x7fff_ffff], (cursor) => declare(cursor, sets));
    new RateTable(buffer).setLimit(limit);
    return buffer;
  }

  constructor(buffer: SharedArrayBuffer, worker: number = CONTROL_PLANE) {
    const header = openHeader(buffer, MARK);
    this.#sets = i32(header, SETS);
    this.#seed = i32(header, SEED);
    this.#columns = declare(new ColumnCursor(buffer), this.#sets);
    this.#owner = lockOwner(worker);
  }

  /** Replaces the limit for all threads. */
  setLimit(limit: RateLimit): void {
    this.#columns.limit[1] = Math.max(1, limit.burst);
    this.#columns.limit[0] = limit.perMinute > 0 ? MINUTE_MS / limit.perMinute : 0;
  }

  /** Spends one request of the key: 0 when it is allowed, else the whole milliseconds until it would be. */
  allow(keyHi: number, keyLo: number, nowMs: number): number {
    return this.#decide(keyHi, keyLo, nowMs, true);
  }

  /** Says what {@link allow} would, and spends nothing. */
  peek(keyHi: number, keyLo: number, nowMs: number): number {
    return this.#decide(keyHi, keyLo, nowMs, false);
  }

  /** Frees the locks of a thread that has ended. */
  releaseLocksOf(worker: number): void {
    for (let set = 0; set < this.#sets; set++) {
      unlockOf(this.#columns.lock, set, lockOwner(worker));
    }
  }

  #decide(keyHi: number, keyLo: number, nowMs: number, spend: boolean): number {
    const { limit, tatMs } = this.#columns;
    const interval = f64(limit, 0);
    if (interval === 0) return 0;
    const set = this.#setOf(keyHi, keyLo);
    lock(this.#columns.lock, set, this.#owner);
    const way = this.#find(set, keyHi | 0, keyLo | 0);
    const full = f64(limit, 1) * interval;
    const known = way < 0 ? 0 : f64(tatMs, way);
    // A time further ahead than an empty bucket allows means that the clock was set back.
    const tat = Math.min(Math.max(known, nowMs), nowMs + full);
    if (way >= 0 && tat < known) tatMs[way] = tat;
    const waitMs = tat - nowMs - (full - interval);
    const isAllowed = waitMs <= Math.min(SKEW_MS, interval / 2);
    if (isAllowed && spend) {
      this.#store(way < 0 ? this.#victim(set, nowMs) : way, keyHi | 0, keyLo | 0, tat + interval);
    }
    unlock(this.#columns.lock, set);
    return isAllowed ? 0 : Math.ceil(waitMs);
  }

  /** Mixes the key and scales the result to a set number by multiplying (Lemire), without a division. */
  #setOf(keyHi: number, keyLo: number): number {
    let mixed = Math.imul(keyHi ^ this.#seed, 0x85eb_ca6b) ^ keyLo;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13) ^ this.#seed, 0xc2b2_ae35);
    return Math.floor((((mixed ^ (mixed >>> 16)) >>> 0) / 0x1_0000_0000) * this.#sets);
  }

  #find(set: number, hi: number, lo: number): number {
    const { keyHi, keyLo, tatMs } = this.#columns;
    const first = set * WAYS;
    for (let way = first; way < first + WAYS; way++) {
      if (keyLo[way] === lo && keyHi[way] === hi && tatMs[way] !== 0) return way;
    }
    return -1;
  }

  /** An empty way, or the one whose bucket is or will be full first: a full bucket carries no information. */
  #victim(set: number, nowMs: number): number {
    const { tatMs } = this.#columns;
    const first = set * WAYS;
    let best = first;
    for (let way = first; way < first + WAYS; way++) {
      if (f64(tatMs, way) <= nowMs) return way;
      if (f64(tatMs, way) < f64(tatMs, best)) best = way;
    }
    return best;
  }

  #store(way: number, hi: number, lo: number, tat: number): void {
    this.#columns.keyHi[way] = hi;
    this.#columns.keyLo[way] = lo;
    this.#columns.tatMs[way] = tat;
  }
}

function declare(cursor: ColumnCursor, sets: number): Columns {
  return {
    limit: cursor.float64(2),
    lock: cursor.int32(sets),
    keyHi: cursor.int32(sets * WAYS),
    keyLo: cursor.int32(sets * WAYS),
    tatMs: cursor.float64(sets * WAYS),
  };
}

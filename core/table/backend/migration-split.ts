import { allocateTable, ColumnCursor, i32, openHeader } from "../buffer-layout.ts";

const MARK = 0x6f70_6d67;
/** Words of the header. */
const CAPACITY = 1;
const SHARE = 2;
const SALT = 3;
const RULES = 4;
/** Some row is in a group. */
const GROUPED = 5;

/** Shares are counted in millionths, so that one word holds one. */
const WHOLE = 1_000_000;
const MOVES_SESSIONS = 1;
const BY_CLIENT = 2;

/** The part that a backend has in migrations. */
export const NO_GROUP = 0;
/** Its requests move away, step by step. */
export const FROM_GROUP = 1;
/** They move to it. */
export const TO_GROUP = 2;
/** Its group lost a migration that has ended: it gets nothing. */
export const CLOSED_GROUP = 3;

export type MigrationGroup = typeof NO_GROUP | typeof FROM_GROUP | typeof TO_GROUP | typeof CLOSED_GROUP;

/** How the requests of two groups of backends are split while one takes over from the other. */
export interface SplitRules {
  /** Different for each migration: which sessions are moved first is not always the same. 32 bits. */
  readonly salt: number;
  /** Sessions leave the old group when their turn comes, not only at the end. */
  readonly movesSessions: boolean;
  /** Clients without a session are moved as a whole, by their address. */
  readonly byClient: boolean;
}

/** The split as all threads see it: written by the control plane, read at every pick. */
export class MigrationSplit {
  /** A {@link MigrationGroup} for each row of the backend table. */
  readonly group: Int32Array;
  readonly #words: Int32Array;

  static allocate(capacity: number): SharedArrayBuffer {
    return allocateTable(MARK, [capacity], (cursor) => cursor.int32(capacity));
  }

  constructor(buffer: SharedArrayBuffer) {
    this.#words = openHeader(buffer, MARK);
    this.group = new ColumnCursor(buffer).int32(i32(this.#words, CAPACITY));
  }

  /** Some backend has a part in a migration, or had one and lost. */
  get isInUse(): boolean {
    return i32(this.#words, GROUPED) !== 0;
  }

  /** There is a migration. */
  get isActive(): boolean {
    return i32(this.#words, SHARE) !== 0;
  }

  /** The new group's share, 0 to 1; 0 without a migration. */
  get share(): number {
    return Math.max(0, i32(this.#words, SHARE) - 1) / WHOLE;
  }

  get salt(): number {
    return i32(this.#words, SALT);
  }

  get movesSessions(): boolean {
    return (i32(this.#words, RULES) & MOVES_SESSIONS) !== 0;
  }

  get byClient(): boolean {
    return this.isActive && (i32(this.#words, RULES) & BY_CLIENT) !== 0;
  }

  /** Begins a split. Control plane only. */
  begin(rules: SplitRules, share: number): void {
    Atomics.store(this.#words, SALT, rules.salt | 0);
    const bits = (rules.movesSessions ? MOVES_SESSIONS : 0) | (rules.byClient ? BY_CLIENT : 0);
    Atomics.store(this.#words, RULES, bits);
    this.setShare(share);
  }

  /** Gives the new group a share from 0 to 1, as of the next pick. Control plane only. */
  setShare(share: number): void {
    Atomics.store(this.#words, SHARE, Math.round(Math.min(1, Math.max(0, share)) * WHOLE) + 1);
  }

  /** Ends it: only closed groups are left. Control plane only. */
  end(): void {
    Atomics.store(this.#words, SHARE, 0);
  }

  /** Gives a row its part. Control plane only; a row that is given to another backend is to be set anew. */
  setGroup(row: number, group: MigrationGroup): void {
    if (this.group[row] === group) return;
    this.group[row] = group;
    Atomics.store(this.#words, GROUPED, this.group.some((each) => each !== NO_GROUP) ? 1 : 0);
  }
}

/** Where the 64 bits of an identity are in [0, 1): those below a share are moved, and so stay moved when it grows. */
export function turnOf(hi: number, lo: number, salt: number): number {
  // The finaliser of MurmurHash3 (Appleby, public domain): neighbours end up far apart.
  let word = hi ^ Math.imul(lo, 0x9e37_79b1) ^ salt;
  word = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2_ae35);
  return ((word ^ (word >>> 16)) >>> 0) / 2 ** 32;
}

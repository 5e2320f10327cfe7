import type { BackendColumns } from "./backend/backend-columns.ts";
import type { BackendTable } from "./backend/backend-table.ts";
import { allocateTable, ColumnCursor, f64, i32, openHeader } from "./buffer-layout.ts";
import { type Hash64, hashWords } from "./keyed-hash.ts";
import { declareLeaseColumns, type LeaseColumns } from "./lease-columns.ts";
import { CONTROL_PLANE, lock, lockOwner, unlock, unlockOf } from "./spin-lock.ts";

const MARK = 0x6f70_6c65;
/** Words of the header. */
const CAPACITY = 1;
const KEY_0 = 2;
const KEY_1 = 3;
const FREE_LOCK = 4;
/** First free slot that was used before, as slot + 1; 0 = none. */
const FREE = 5;
/** Slots from here on were never used; memory that no lease has needed stays untouched. */
const FRESH = 6;
const USED = 7;

const ID_PATTERN = /^[0-9a-f]{32}$/;

/** What a new lease takes; one mutable object per thread, so that a claim allocates nothing. */
export interface LeaseTerms {
  tier: number;
  isRoute: boolean;
  /** A request in flight holds the lease, beside `expiryMs`. */
  held: boolean;
  sinceMs: number;
  /** 0 when only requests in flight hold it. */
  expiryMs: number;
  cores: number;
  memoryBytes: number;
  diskBytes: number;
  gpus: number;
}

/**
 * Capacity that is held: a slot per lease, and per row a doubly linked list of its leases. A lease lives while a request
 * in flight holds it or its expiry is ahead. Methods whose name ends in "Locked" need the lock of the row.
 */
export class LeaseTable {
  readonly capacity: number;
  readonly columns: LeaseColumns;
  readonly #rows: BackendColumns;
  readonly #header: Int32Array;
  readonly #owner: number;
  readonly #holderBit: number;
  readonly #key: Hash64;

  /** `random` gives 32 random bits; ids cannot be guessed without the key that is drawn here. */
  static allocate(capacity: number, random: () => number): SharedArrayBuffer {
    const buffer = allocateTable(MARK, [capacity], (cursor) => declareLeaseColumns(cursor, capacity));
    const header = openHeader(buffer, MARK);
    header[KEY_0] = random();
    header[KEY_1] = random();
    return buffer;
  }

  constructor(buffer: SharedArrayBuffer, backends: BackendTable, worker: number = CONTROL_PLANE) {
    this.#header = openHeader(buffer, MARK);
    this.capacity = i32(this.#header, CAPACITY);
    this.columns = declareLeaseColumns(new ColumnCursor(buffer), this.capacity);
    this.#rows = backends.columns;
    this.#owner = lockOwner(worker);
    this.#holderBit = holderBit(worker);
    this.#key = { hi: i32(this.#header, KEY_1), lo: i32(this.#header, KEY_0) };
  }

  /** How many slots hold a lease, those included that have expired but were not looked at since. */
  get used(): number {
    return Atomics.load(this.#header, USED);
  }

  get isFull(): boolean {
    return this.used >= this.capacity;
  }

  /** One more than the highest slot ever used. */
  get limit(): number {
    return Atomics.load(this.#header, FRESH);
  }

  isLive(slot: number, generation: number): boolean {
    return i32(this.columns.generation, slot) === generation && (generation & 1) === 1;
  }

  /** Opaque name of the lease in a slot: 16 digits say which, 16 digits prove that we said so. */
  leaseId(slot: number): string {
    const generation = i32(this.columns.generation, slot);
    const proof = hashWords(slot, generation, this.#key);
    return hex(slot) + hex(generation) + hex(proof.hi) + hex(proof.lo);
  }

  /** Finds the slot of a lease id; -1 when it never was one or its lease has ended. */
  findLease(id: string): number {
    if (!ID_PATTERN.test(id)) return -1;
    const slot = Number.parseInt(id.slice(0, 8), 16);
    if (slot >= this.limit || (i32(this.columns.generation, slot) & 1) === 0) return -1;
    return this.leaseId(slot) === id ? slot : -1;
  }

  /** Takes a slot and raises the row's sums; -1 when the table is full. */
  openLocked(row: number, terms: LeaseTerms): number {
    const slot = this.#takeSlot();
    if (slot < 0) return -1;
    const { columns } = this;
    columns.row[slot] = row;
    columns.tier[slot] = terms.tier;
    columns.isRoute[slot] = terms.isRoute ? 1 : 0;
    columns.holders[slot] = terms.held ? 1 : 0;
    columns.takers[slot] = terms.held ? 0 : 1;
    columns.holderBits[slot] = terms.held ? this.#holderBit : 0;
    columns.cores[slot] = terms.cores;
    columns.gpus[slot] = terms.gpus;
    columns.sinceMs[slot] = terms.sinceMs;
    columns.expiryMs[slot] = terms.expiryMs;
    columns.memory[slot] = terms.memoryBytes;
    columns.disk[slot] = terms.diskBytes;
    columns.generation[slot] = i32(columns.generation, slot) + 1;
    this.#linkLocked(row, slot);
    if (!terms.held) this.#expectExpiryLocked(row, terms.expiryMs);
    return slot;
  }

  /** Lets one more request hold a live lease, or keeps it at least until `terms.expiryMs`. */
  shareLocked(slot: number, terms: LeaseTerms): void {
    const { columns } = this;
    if (terms.isRoute) columns.isRoute[slot] = 1;
    if (terms.held) {
      columns.holders[slot] = i32(columns.holders, slot) + 1;
      columns.holderBits[slot] = i32(columns.holderBits, slot) | this.#holderBit;
    } else {
      columns.takers[slot] = i32(columns.takers, slot) + 1;
    }
    if (terms.expiryMs > f64(columns.expiryMs, slot)) columns.expiryMs[slot] = terms.expiryMs;
    if (i32(columns.holders, slot) === 0) {
      this.#expectExpiryLocked(i32(columns.row, slot), f64(columns.expiryMs, slot));
    }
  }

  /** Takes one holder away; the lease ends with the last, unless its expiry is ahead. */
  dropHolderLocked(slot: number, nowMs: number): void {
    const { columns } = this;
    const holders = i32(columns.holders, slot) - 1;
    columns.holders[slot] = holders;
    if (holders > 0) return;
    if (f64(columns.expiryMs, slot) > nowMs) {
      this.#expectExpiryLocked(i32(columns.row, slot), f64(columns.expiryMs, slot));
    } else {
      this.endLocked(slot);
    }
  }

  /** Takes back a pick that came to nothing; without any other the lease does not wait for its expiry. */
  dropTakerLocked(slot: number): void {
    const { columns } = this;
    const takers = i32(columns.takers, slot) - 1;
    columns.takers[slot] = takers;
    if (takers > 0) return;
    columns.expiryMs[slot] = 0;
    if (i32(columns.holders, slot) === 0) this.endLocked(slot);
  }

  hasExpired(slot: number, nowMs: number): boolean {
    return i32(this.columns.holders, slot) === 0 && f64(this.columns.expiryMs, slot) <= nowMs;
  }

  /** Ends a lease: lowers the row's sums and frees the slot. */
  endLocked(slot: number): void {
    const { columns } = this;
    const rows = this.#rows;
    const row = i32(columns.row, slot);
    const next = i32(columns.next, slot);
    const previous = i32(columns.previous, slot);
    if (previous === 0) {
      rows.firstLease[row] = next;
    } else {
      columns.next[previous - 1] = next;
    }
    if (next !== 0) columns.previous[next - 1] = previous;
    rows.leasedCores[row] = i32(rows.leasedCores, row) - i32(columns.cores, slot);
    rows.leasedMemory[row] = f64(rows.leasedMemory, row) - f64(columns.memory, slot);
    rows.leasedDisk[row] = f64(rows.leasedDisk, row) - f64(columns.disk, slot);
    rows.leasedGpus[row] = i32(rows.leasedGpus, row) & ~i32(columns.gpus, slot);
    rows.leaseCount[row] = i32(rows.leaseCount, row) - 1;
    columns.generation[slot] = i32(columns.generation, slot) + 1;
    this.#freeSlot(slot);
  }

  /** Ends the row's expired leases and finds out when the next one will expire. */
  reapLocked(row: number, nowMs: number): void {
    const { columns } = this;
    let earliest = Infinity;
    let link = i32(this.#rows.firstLease, row);
    while (link !== 0) {
      const slot = link - 1;
      link = i32(columns.next, slot);
      if (i32(columns.holders, slot) > 0) continue;
      const expiry = f64(columns.expiryMs, slot);
      if (expiry <= nowMs) {
        this.endLocked(slot);
      } else if (expiry < earliest) {
        earliest = expiry;
      }
    }
    this.#rows.earliestExpiryMs[row] = earliest;
  }

  /** Ends all leases of a row, held or not. */
  endAllLocked(row: number): void {
    let link = i32(this.#rows.firstLease, row);
    while (link !== 0) {
      const slot = link - 1;
      link = i32(this.columns.next, slot);
      this.endLocked(slot);
    }
    this.#rows.earliestExpiryMs[row] = Infinity;
  }

  /** Ends the leases that requests of a dead worker hold. One shared with another worker ends early, none stays for ever. */
  endLeasesOf(worker: number): void {
    const bit = holderBit(worker);
    const { columns } = this;
    for (let slot = 0; slot < this.limit; slot++) {
      if ((i32(columns.generation, slot) & 1) === 0 || (i32(columns.holderBits, slot) & bit) === 0) continue;
      const row = i32(columns.row, slot);
      lock(this.#rows.lock, row, this.#owner);
      const isStill = i32(columns.row, slot) === row && (i32(columns.generation, slot) & 1) === 1;
      if (isStill && (i32(columns.holderBits, slot) & bit) !== 0 && i32(columns.holders, slot) > 0) {
        this.endLocked(slot);
      }
      unlock(this.#rows.lock, row);
    }
  }

  /** Frees the lock of the free list if a dead thread held it. */
  releaseLocksOf(worker: number): void {
    unlockOf(this.#header, FREE_LOCK, lockOwner(worker));
  }

  /** Builds the list and the sums of a row anew from the slots, after a thread died with the row locked. */
  rebuildLocked(row: number): void {
    const rows = this.#rows;
    rows.firstLease[row] = 0;
    rows.leaseCount[row] = 0;
    rows.leasedCores[row] = 0;
    rows.leasedMemory[row] = 0;
    rows.leasedDisk[row] = 0;
    rows.leasedGpus[row] = 0;
    // The next look walks the list and finds the true time.
    rows.earliestExpiryMs[row] = -Infinity;
    for (let slot = 0; slot < this.limit; slot++) {
      const isHere = i32(this.columns.row, slot) === row && (i32(this.columns.generation, slot) & 1) === 1;
      if (isHere) this.#linkLocked(row, slot);
    }
  }

  /**
   * Builds the free list and the count of used slots anew from the slots: a thread that died while it took or freed
   * one has left it in neither. The caller holds no lock.
   */
  rebuildFreeList(): void {
    const { columns } = this;
    const header = this.#header;
    const rowLocks = this.#rows.lock;
    // Slots are taken and freed under the lock of a row: with all of them held no slot is on its way.
    for (let row = 0; row < rowLocks.length; row++) lock(rowLocks, row, this.#owner);
    lock(header, FREE_LOCK, this.#owner);
    let free = 0;
    let used = 0;
    for (let slot = i32(header, FRESH) - 1; slot >= 0; slot--) {
      if ((i32(columns.generation, slot) & 1) === 1) {
        used++;
      } else {
        columns.next[slot] = free;
        free = slot + 1;
      }
    }
    header[FREE] = free;
    header[USED] = used;
    unlock(header, FREE_LOCK);
    for (let row = 0; row < rowLocks.length; row++) unlock(rowLocks, row);
  }

  #linkLocked(row: number, slot: number): void {
    const { columns } = this;
    const rows = this.#rows;
    const first = i32(rows.firstLease, row);
    columns.next[slot] = first;
    columns.previous[slot] = 0;
    if (first !== 0) columns.previous[first - 1] = slot + 1;
    rows.firstLease[row] = slot + 1;
    rows.leasedCores[row] = i32(rows.leasedCores, row) + i32(columns.cores, slot);
    rows.leasedMemory[row] = f64(rows.leasedMemory, row) + f64(columns.memory, slot);
    rows.leasedDisk[row] = f64(rows.leasedDisk, row) + f64(columns.disk, slot);
    rows.leasedGpus[row] = i32(rows.leasedGpus, row) | i32(columns.gpus, slot);
    rows.leaseCount[row] = i32(rows.leaseCount, row) + 1;
  }

  #expectExpiryLocked(row: number, expiryMs: number): void {
    if (expiryMs < f64(this.#rows.earliestExpiryMs, row)) this.#rows.earliestExpiryMs[row] = expiryMs;
  }

  #takeSlot(): number {
    const header = this.#header;
    lock(header, FREE_LOCK, this.#owner);
    let slot = i32(header, FREE) - 1;
    if (slot >= 0) {
      header[FREE] = i32(this.columns.next, slot);
    } else if (i32(header, FRESH) < this.capacity) {
      slot = i32(header, FRESH);
      header[FRESH] = slot + 1;
    }
    if (slot >= 0) header[USED] = i32(header, USED) + 1;
    unlock(header, FREE_LOCK);
    return slot;
  }

  #freeSlot(slot: number): void {
    const header = this.#header;
    lock(header, FREE_LOCK, this.#owner);
    this.columns.next[slot] = i32(header, FREE);
    header[FREE] = slot + 1;
    header[USED] = i32(header, USED) - 1;
    unlock(header, FREE_LOCK);
  }
}

/** Threads beyond 32 share bits: then a dead worker may end leases of its namesake early. */
function holderBit(worker: number): number {
  return 1 << ((worker - CONTROL_PLANE) % 32);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}

import { allocateTable, ColumnCursor, i32, openHeader } from "./buffer-layout.ts";
import { CONTROL_PLANE } from "./spin-lock.ts";

const MARK = 0x6f70_7175;
/** Words of the header. */
const WORKERS = 1;
const TIERS = 2;
/** Requests that wait, in all threads. */
const WAITING = 3;
const LAST_TICKET = 4;
/** Moves on whenever a waiting thread should look again; threads sleep on it. */
const BELL = 5;
/** Moves on when room may have become free. */
const ROOM = 6;

interface Columns {
  /** By worker and tier: ticket of the request that waits longest, 0 = none waits. */
  readonly head: Int32Array;
  /** By worker and tier: at which count of ROOM none of its requests found any. */
  readonly blockedAt: Int32Array;
  /** By worker and tier: how many wait. */
  readonly waitingOf: Int32Array;
  /** By tier: how many wait. */
  readonly waiting: Int32Array;
}

/**
 * What the queues of all workers know of each other, so that requests of a tier are served in the order of their arrival
 * whichever worker they reached: each takes a ticket, each worker shows its lowest one, and whoever has a higher one lets
 * it go first, unless it has looked since room was last freed and found none.
 */
export class QueueTable {
  readonly #header: Int32Array;
  readonly #workers: number;
  readonly #tiers: number;
  readonly #columns: Columns;
  /** First of this worker's cells. */
  readonly #own: number;

  static allocate(workers: number, tiers: number): SharedArrayBuffer {
    return allocateTable(MARK, [workers, tiers], (cursor) => declare(cursor, workers, tiers));
  }

  constructor(buffer: SharedArrayBuffer, worker: number = CONTROL_PLANE) {
    this.#header = openHeader(buffer, MARK);
    this.#workers = i32(this.#header, WORKERS);
    this.#tiers = i32(this.#header, TIERS);
    this.#columns = declare(new ColumnCursor(buffer), this.#workers, this.#tiers);
    this.#own = Math.max(0, worker) * this.#tiers;
  }

  /** How many requests wait. */
  get size(): number {
    return Atomics.load(this.#header, WAITING);
  }

  /** How many requests of a tier wait, in all workers. */
  waiting(tier: number): number {
    return Atomics.load(this.#columns.waiting, tier);
  }

  /** Takes a place at the end: its ticket, or 0 when `most` wait already. */
  enter(tier: number, most: number): number {
    if (Atomics.add(this.#header, WAITING, 1) >= most) {
      Atomics.sub(this.#header, WAITING, 1);
      return 0;
    }
    Atomics.add(this.#columns.waiting, tier, 1);
    this.#columns.waitingOf[this.#own + tier] = i32(this.#columns.waitingOf, this.#own + tier) + 1;
    // 0 means none; after 2^32 requests the count is where it began.
    return Atomics.add(this.#header, LAST_TICKET, 1) + 1 || Atomics.add(this.#header, LAST_TICKET, 1) + 1;
  }

  /** Gives a place back. */
  leave(tier: number): void {
    Atomics.sub(this.#header, WAITING, 1);
    Atomics.sub(this.#columns.waiting, tier, 1);
    this.#columns.waitingOf[this.#own + tier] = i32(this.#columns.waitingOf, this.#own + tier) - 1;
  }

  /** Shows the ticket of this worker's first request of a tier; 0 = none waits. */
  show(tier: number, ticket: number): void {
    Atomics.store(this.#columns.head, this.#own + tier, ticket);
  }

  /** Whether it is this ticket's turn: no other worker has an earlier one for which there might be room. */
  isTurn(tier: number, ticket: number): boolean {
    const room = Atomics.load(this.#header, ROOM);
    for (let cell = tier; cell < this.#workers * this.#tiers; cell += this.#tiers) {
      const other = Atomics.load(this.#columns.head, cell);
      if (other === 0 || other === ticket || ((other - ticket) | 0) > 0) continue;
      if (Atomics.load(this.#columns.blockedAt, cell) !== room) return false;
    }
    return true;
  }

  /** The count of releases of room, to be read before looking for some; see {@link block}. */
  get room(): number {
    return Atomics.load(this.#header, ROOM);
  }

  /** None of this worker's requests of a tier has found room, as of that count: others need not wait for them. */
  block(tier: number, room: number): void {
    if (Atomics.exchange(this.#columns.blockedAt, this.#own + tier, room) !== room) this.ring();
  }

  /** Says that room may have become free. Costs nothing to speak of while nobody waits. */
  freed(): void {
    if (Atomics.load(this.#header, WAITING) === 0) return;
    Atomics.add(this.#header, ROOM, 1);
    this.ring();
  }

  /** Lets every waiting thread look again. */
  ring(): void {
    Atomics.add(this.#header, BELL, 1);
    Atomics.notify(this.#header, BELL);
  }

  /** Value of the bell, for {@link heard}. */
  get bell(): number {
    return Atomics.load(this.#header, BELL);
  }

  /**
   * Resolves when the bell has rung since it had that value, or after some time; at once if it has rung already, and then
   * with false: nothing was waited for.
   */
  async heard(bell: number, withinMs: number): Promise<boolean> {
    const wait = Atomics.waitAsync(this.#header, BELL, bell, withinMs);
    if (!wait.async) return false;
    await wait.value;
    return true;
  }

  /** Forgets the requests of a worker that has died. */
  releaseWorker(worker: number): void {
    for (let tier = 0; tier < this.#tiers; tier++) {
      const cell = worker * this.#tiers + tier;
      const lost = i32(this.#columns.waitingOf, cell);
      Atomics.store(this.#columns.head, cell, 0);
      this.#columns.waitingOf[cell] = 0;
      Atomics.sub(this.#columns.waiting, tier, lost);
      Atomics.sub(this.#header, WAITING, lost);
    }
    this.ring();
  }
}

function declare(cursor: ColumnCursor, workers: number, tiers: number): Columns {
  const cells = workers * tiers;
  return {
    head: cursor.int32(cells),
    blockedAt: cursor.int32(cells),
    waitingOf: cursor.int32(cells),
    waiting: cursor.int32(tiers),
  };
}

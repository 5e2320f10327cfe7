/** The idle connections of one worker to all backends, so that there are never more than a whole process may keep. */

/** A place in the list of idle connections; each connection has one, which is in the list while it is idle. */
export class IdleEntry {
  readonly giveUp: () => void;
  previous: IdleEntry = this;
  next: IdleEntry = this;

  /** `giveUp` ends the connection, which leaves the list by that. */
  constructor(giveUp: () => void) {
    this.giveUp = giveUp;
  }

  get isListed(): boolean {
    return this.next !== this;
  }
}

/** A list of bounded length, in the order in which connections came to rest: the one that rests longest goes first. */
export class IdleConnections {
  readonly #most: number;
  readonly #list = new IdleEntry(() => {});
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes a connection that has become idle, which may be ended by that itself. */
  rest(entry: IdleEntry): void {
    if (entry.isListed) return;
    const list = this.#list;
    entry.previous = list.previous;
    entry.next = list;
    list.previous.next = entry;
    list.previous = entry;
    this.#count++;
    if (this.#count > this.#most) list.next.giveUp();
  }

  /** The connection is used again, or has ended. */
  leave(entry: IdleEntry): void {
    if (!entry.isListed) return;
    entry.previous.next = entry.next;
    entry.next.previous = entry.previous;
    entry.next = entry;
    entry.previous = entry;
    this.#count--;
  }
}

/** One worker's part of a number for the whole process, 0 meaning any number; the parts of all come to that number. */
export function workerShare(total: number, worker: number, workers: number): number {
  if (total === 0) return Number.POSITIVE_INFINITY;
  return Math.floor(total / workers) + (worker < total % workers ? 1 : 0);
}

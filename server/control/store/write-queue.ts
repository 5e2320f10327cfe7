/** Changes that wait to be written: in order, the newest for each key, never more than a bound. */

export interface QueuedWrite<T> {
  readonly key: string;
  readonly value: T;
}

/** An ordered queue in which a later change takes the place of an earlier one under the same key. */
export class WriteQueue<T> {
  readonly #limit: number;
  readonly #isExpendable: (value: T) => boolean;
  readonly #writes = new Map<string, T>();
  #dropped = 0;

  /** When `limit` is reached, the oldest change that `isExpendable` makes room; else the oldest of all. */
  constructor(limit: number, isExpendable: (value: T) => boolean) {
    this.#limit = limit;
    this.#isExpendable = isExpendable;
  }

  get size(): number {
    return this.#writes.size;
  }

  /** Changes dropped for lack of room since the last call. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  put(key: string, value: T): void {
    // Deleted first, so that the change moves behind those that it may depend on.
    this.#writes.delete(key);
    if (this.#writes.size >= this.#limit) this.#makeRoom();
    this.#writes.set(key, value);
  }

  /** The changes in order; they stay queued until {@link settle}. */
  snapshot(): QueuedWrite<T>[] {
    return Array.from(this.#writes, ([key, value]) => ({ key, value }));
  }

  /** Forgets written changes, except those that were replaced meanwhile. */
  settle(written: readonly QueuedWrite<T>[]): void {
    for (const { key, value } of written) {
      if (this.#writes.get(key) === value) this.#writes.delete(key);
    }
  }

  #makeRoom(): void {
    this.#dropped++;
    for (const [key, value] of this.#writes) {
      if (this.#isExpendable(value)) {
        this.#writes.delete(key);
        return;
      }
    }
    const oldest = this.#writes.keys().next();
    if (oldest.done !== true) this.#writes.delete(oldest.value);
  }
}

/** One at a time for each id: what waits for workers or resolvers must not overtake itself. */

/** A call is answered within seconds; whoever has more than this waiting asks again before he could know. */
const MAX_WAITING = 16;

/** What a caller is told for whom the line is full. */
export const BUSY = { kind: "busy", detail: "too many calls for this client_id wait; try again" } as const;

/** Runs work of the same key in the order in which it was asked for. */
export class KeyedQueue {
  readonly #lines = new Map<string, Line>();

  /** Tells whether so many wait for a key that a caller is better told to come back. */
  isFull(key: string): boolean {
    // The first of a line is being served.
    return (this.#lines.get(key)?.length ?? 0) > MAX_WAITING;
  }

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(key) ?? { length: 0, tail: Promise.resolve() };
    this.#lines.set(key, line);
    const before = line.tail;
    const { promise: tail, resolve: finish } = Promise.withResolvers<void>();
    line.tail = tail;
    line.length++;
    try {
      await before;
      return await work();
    } finally {
      finish();
      line.length--;
      if (line.length === 0) this.#lines.delete(key);
    }
  }
}

/** Who is served and who waits, for one key. */
interface Line {
  length: number;
  /** Settles when the last of them is done. */
  tail: Promise<void>;
}

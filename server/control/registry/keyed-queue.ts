/** One at a time for each id: what waits for workers or resolvers must not overtake itself. */

/** Runs work of the same key in the order in which it was asked for. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<void>>();

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const { promise: tail, resolve: finish } = Promise.withResolvers<void>();
    this.#tails.set(key, tail);
    try {
      await before;
      return await work();
    } finally {
      finish();
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}

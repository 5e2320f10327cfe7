/** Reproducible chance for tests: the same seed gives the same run on every machine. */

export interface Seeded {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform whole number in [0, bound). */
  below(bound: number): number;
  pick<T>(items: readonly T[]): T;
  bytes(length: number): Buffer;
}

/** Creates a generator (mulberry32: 32 bits of state, full period) from a whole number. */
export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  function below(bound: number): number {
    return Math.floor(next() * bound);
  }
  return {
    next,
    below,
    pick<T>(items: readonly T[]): T {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error("cannot pick from an empty list");
      return item;
    },
    bytes(length: number): Buffer {
      const out = Buffer.allocUnsafe(length);
      for (let at = 0; at < length; at++) out[at] = below(256);
      return out;
    },
  };
}

/**
 * Time-weighted means over a sliding window, in memory fixed at construction. Pure: the time is an argument.
 *
 * Each value stands for the stretch of time that ends at its sample; the mean over the window is
 * sum(value x stretch within the window) / sum(stretch within the window), column by column, over the values
 * that are known. Windows of more than SLOTS seconds keep the sums of several samples in one slot.
 */

/** At one sample a second, 15 minutes (the default window) are kept sample by sample. */
const SLOTS = 900;
const MIN_SLOT_MS = 1000;

export class TimeSeries {
  readonly width: number;
  readonly #windowMs: number;
  readonly #slotMs: number;
  readonly #slots: number;
  /** Number of the slot that each ring place holds, and the time of its last sample. */
  readonly #slotNumbers: Float64Array;
  readonly #untilMs: Float64Array;
  /** By place and column: how long the value is known for, and its mean over that time. */
  readonly #weightMs: Float32Array;
  readonly #mean: Float64Array;

  /** Makes a series of `width` columns over a window. */
  constructor(windowMs: number, width: number) {
    this.width = width;
    this.#windowMs = windowMs;
    this.#slotMs = Math.max(MIN_SLOT_MS, windowMs / SLOTS);
    // Two more places than the window spans: the slot being filled, and the one that is partly inside.
    this.#slots = Math.ceil(windowMs / this.#slotMs) + 2;
    this.#slotNumbers = new Float64Array(this.#slots).fill(Number.NEGATIVE_INFINITY);
    this.#untilMs = new Float64Array(this.#slots);
    this.#weightMs = new Float32Array(this.#slots * width);
    this.#mean = new Float64Array(this.#slots * width);
  }

  /** Adds one sample that stands for the `stretchMs` before `nowMs`; NaN values are unknown. */
  add(nowMs: number, stretchMs: number, values: ArrayLike<number>): void {
    const number = Math.floor(nowMs / this.#slotMs);
    const place = number % this.#slots;
    const base = place * this.width;
    if (this.#slotNumbers[place] !== number) {
      this.#slotNumbers[place] = number;
      this.#weightMs.fill(0, base, base + this.width);
    }
    this.#untilMs[place] = nowMs;
    for (let column = 0; column < this.width; column++) {
      const value = values[column] ?? Number.NaN;
      if (Number.isNaN(value)) continue;
      const at = base + column;
      const before = this.#weightMs[at] ?? 0;
      const weight = before + stretchMs;
      const mean = before === 0 ? value : (this.#mean[at] ?? 0);
      this.#weightMs[at] = weight;
      this.#mean[at] = before === 0 ? value : mean + ((value - mean) * stretchMs) / weight;
    }
  }

  /** Gives the mean of one column over the window that ends at `nowMs`; NaN when nothing in it is known. */
  mean(nowMs: number, column: number): number {
    const startMs = nowMs - this.#windowMs;
    let weighted = 0;
    let total = 0;
    for (let place = 0; place < this.#slots; place++) {
      const untilMs = this.#untilMs[place] ?? 0;
      if (this.#slotNumbers[place] === Number.NEGATIVE_INFINITY || untilMs <= startMs || untilMs > nowMs)
        continue;
      const at = place * this.width + column;
      const weight = Math.min(this.#weightMs[at] ?? 0, untilMs - startMs);
      weighted += weight * (this.#mean[at] ?? 0);
      total += weight;
    }
    return total > 0 ? weighted / total : Number.NaN;
  }
}

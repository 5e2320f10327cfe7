/** The scale on which durations are counted: what is shown divided more finely, so that quantiles are close. */

/** Parts of each interval that the configured bounds make; the parts grow by the same factor. */
const PARTS = 4;
/** The most bounds that may be configured. */
export const MAX_DURATION_BOUNDS = 24;

/** Upper bounds of the configured intervals, and of the cells that they are divided into; the last cell has none. */
export class DurationScale {
  /** Milliseconds, ascending; a duration equal to a bound is within it. */
  readonly boundsMs: readonly number[];
  /** Upper bounds of all cells but the last. */
  readonly cellBoundsMs: Float64Array;

  constructor(boundsMs: readonly number[]) {
    this.boundsMs = boundsMs;
    this.cellBoundsMs = Float64Array.from(
      boundsMs.flatMap((bound, index) => partsOf(boundsMs[index - 1] ?? 0, bound)),
    );
  }

  get cells(): number {
    return cellsFor(this.boundsMs.length);
  }

  /** Cell of a duration. */
  cellOf(ms: number): number {
    const bounds = this.cellBoundsMs;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ms <= (bounds[middle] ?? Infinity)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** How many durations are at or below each configured bound, and last all of them. */
  cumulative(cells: Float64Array): number[] {
    const counts: number[] = [];
    let sum = 0;
    cells.forEach((count, cell) => {
      sum += count;
      if (cell % PARTS === PARTS - 1 || cell === cells.length - 1) counts.push(sum);
    });
    return counts;
  }

  /**
   * The duration in milliseconds that a share `q` (0 to 1) of those counted do not exceed, linear within a cell; null
   * when none is counted. What lies beyond the last bound counts as that bound.
   */
  quantile(cells: Float64Array, q: number): number | null {
    const total = cells.reduce((sum, count) => sum + count, 0);
    if (total <= 0) return null;
    const rank = q * total;
    let before = 0;
    for (const [cell, count] of cells.entries()) {
      if (count > 0 && before + count >= rank) {
        const from = this.cellBoundsMs[cell - 1] ?? 0;
        const to = this.cellBoundsMs[cell] ?? from;
        return from + (to - from) * Math.max(0, (rank - before) / count);
      }
      before += count;
    }
    return this.cellBoundsMs.at(-1) ?? 0;
  }
}

/** How many cells a number of configured bounds makes. */
export function cellsFor(bounds: number): number {
  return bounds * PARTS + 1;
}

function partsOf(from: number, to: number): number[] {
  const parts = Array.from({ length: PARTS - 1 }, (_, index) => {
    const share = (index + 1) / PARTS;
    return from > 0 ? from * (to / from) ** share : to * share;
  });
  return [...parts, to];
}

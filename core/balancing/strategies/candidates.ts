import { f64, i32 } from "../../table/buffer-layout.ts";
import type { StrategyView } from "./strategy.ts";

/** Rows without reports have as many free cores as can be written; more than this no host has. */
const MOST_CORES = 1 << 20;

/** The eligible rows of one pick, with their shares; one per thread, used again for each pick. */
export class Candidates {
  rows = new Int32Array(0);
  /** Share of the requests that each of `rows` is to get, in any unit. */
  shares = new Float64Array(0);
  /** For what a strategy notes of each of `rows`. */
  figures = new Float64Array(0);
  count = 0;
  /** Sum of the shares. */
  total = 0;
  /** The same before any was dropped. */
  whole = 0;
  readonly byCapacity: boolean;

  /** `byCapacity`: shares are weight times free cores instead of weight. */
  constructor(byCapacity: boolean) {
    this.byCapacity = byCapacity;
  }

  /** Fills in the rows that are eligible now, in their order; says how many there are. */
  collect(view: StrategyView): number {
    if (this.rows.length < view.limit) {
      this.rows = new Int32Array(view.inFlight.length);
      this.shares = new Float64Array(view.inFlight.length);
      this.figures = new Float64Array(view.inFlight.length);
    }
    const { weight } = view.columns;
    this.count = 0;
    this.total = 0;
    for (let row = 0; row < view.limit; row++) {
      if (!view.isEligible(row)) continue;
      this.rows[this.count] = row;
      this.shares[this.count++] = f64(weight, row);
      this.total += f64(weight, row);
    }
    if (this.byCapacity) this.#weighByCapacity(view);
    this.whole = this.total;
    return this.count;
  }

  /** Drops the candidates whose figure is another one. */
  keepFigure(figure: number): void {
    let kept = 0;
    this.total = 0;
    for (let position = 0; position < this.count; position++) {
      if (f64(this.figures, position) !== figure) continue;
      this.rows[kept] = i32(this.rows, position);
      this.shares[kept] = f64(this.shares, position);
      this.total += f64(this.shares, kept++);
    }
    this.count = kept;
  }

  /** The position that a number from 0 up to `total` falls on when each has a stretch as long as its share. */
  at(point: number): number {
    let left = point;
    for (let position = 0; position < this.count - 1; position++) {
      left -= f64(this.shares, position);
      if (left < 0) return position;
    }
    return this.count - 1;
  }

  /** A backend whose cores nobody knows counts as one of mean size; one without a free core as if it had one. */
  #weighByCapacity({ columns }: StrategyView): void {
    let cores = 0;
    let known = 0;
    for (let position = 0; position < this.count; position++) {
      const free = i32(columns.freeCores, i32(this.rows, position));
      if (free > MOST_CORES) continue;
      cores += Math.max(1, free);
      known++;
    }
    const mean = known === 0 ? 1 : cores / known;
    this.total = 0;
    for (let position = 0; position < this.count; position++) {
      const free = i32(columns.freeCores, i32(this.rows, position));
      const share = f64(this.shares, position) * (free > MOST_CORES ? mean : Math.max(1, free));
      this.shares[position] = share;
      this.total += share;
    }
  }
}

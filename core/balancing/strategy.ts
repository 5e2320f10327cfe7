import type { PickQuery } from "./pick.ts";

/** What a strategy sees of the backends. Rows run from 0 to `limit` - 1, unclaimed ones among them. */
export interface StrategyView {
  readonly limit: number;
  /** Base score of each row for the query's tier; Infinity for rows that cannot be picked. */
  readonly baseScore: Float64Array;
  /** Location of each row as a unit vector; see {@link StrategyView.isLocated}. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly z: Float64Array;
  readonly inFlight: Int32Array;
  /** Whether every claimed row has a known location. */
  readonly allLocated: boolean;
  isLocated(row: number): boolean;
  /**
   * Whether the row passes every filter. Dearer than a comparison of scores, so ask last: of the rows that would win.
   */
  isEligible(row: number): boolean;
}

/** The rule that picks among eligible backends. Filters, stickiness and leases are not its business. */
export interface Strategy {
  readonly name: string;
  /** Gives the row to use, or -1 when no row is eligible. */
  pick(view: StrategyView, query: PickQuery): number;
}

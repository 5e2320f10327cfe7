import type { BackendColumns } from "../../table/backend/backend-columns.ts";
import type { PickQuery } from "../pick.ts";
import type { StrategyName } from "./names.ts";

/** What a strategy sees of the backends. Rows run from 0 to `limit` - 1, unclaimed ones among them. */
export interface StrategyView {
  readonly columns: BackendColumns;
  /** Mark of this thread in locks. */
  readonly owner: number;
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
  /** Where the turn of the query's tier is, and of the backends that may serve it; see `turnAt`. */
  readonly turnAt: number;
  isLocated(row: number): boolean;
  /**
   * Whether the row passes every filter. Dearer than a comparison of scores, so ask last: of the rows that would win.
   */
  isEligible(row: number): boolean;
  /** Cores that requests and leases of the row keep busy and that its reports do not show yet. */
  unseenLoad(row: number): number;
}

/** The rule that picks among eligible backends. Filters, stickiness and leases are not its business. */
export interface Strategy {
  readonly name: StrategyName;
  /**
   * Gives the row to use, or -1 when no row is eligible. `takes`: the row will be used, so that what is shared moves on;
   * else the same row is given again next time, by this thread and while nothing else changes.
   */
  pick(view: StrategyView, query: PickQuery, takes: boolean): number;
  /**
   * The figure by which it compares rows, the lower the better; null when it goes by none. `scoredKm`: the row's distance
   * as it counts in scores.
   */
  figure(view: StrategyView, query: PickQuery, row: number, scoredKm: number): number | null;
}

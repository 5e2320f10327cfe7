import { f64, i32 } from "../../table/buffer-layout.ts";
import type { PickQuery } from "../pick.ts";
import type { Candidates } from "./candidates.ts";
import type { StrategyName } from "./names.ts";
import { smoothTurn } from "./smooth.ts";
import type { Strategy, StrategyView } from "./strategy.ts";

/** The fewest requests in flight for its weight wins; equals take turns by weight. */
export class LeastConnectionsStrategy implements Strategy {
  readonly name: StrategyName = "least_connections";
  readonly #candidates: Candidates;

  constructor(candidates: Candidates) {
    this.#candidates = candidates;
  }

  pick(view: StrategyView, query: PickQuery, takes: boolean): number {
    const candidates = this.#candidates;
    const count = candidates.collect(view);
    const { rows, shares, figures } = candidates;
    let least = Infinity;
    for (let position = 0; position < count; position++) {
      const load = i32(view.inFlight, i32(rows, position)) / f64(shares, position);
      figures[position] = load;
      if (load < least) least = load;
    }
    candidates.keepFigure(least);
    return smoothTurn(view, query, candidates, takes);
  }

  figure(view: StrategyView, _query: PickQuery, row: number): number {
    return loadOf(view, row);
  }
}

/** Requests in flight for each unit of weight. */
export function loadOf(view: StrategyView, row: number): number {
  return i32(view.inFlight, row) / f64(view.columns.weight, row);
}

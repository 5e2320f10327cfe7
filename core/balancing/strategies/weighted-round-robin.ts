import type { PickQuery } from "../pick.ts";
import type { Candidates } from "./candidates.ts";
import type { StrategyName } from "./names.ts";
import { smoothTurn } from "./smooth.ts";
import type { Strategy, StrategyView } from "./strategy.ts";

/** In turn by weight, as evenly spread in time as the weights allow; see {@link smoothTurn}. */
export class WeightedRoundRobinStrategy implements Strategy {
  readonly name: StrategyName = "weighted_round_robin";
  readonly #candidates: Candidates;

  constructor(candidates: Candidates) {
    this.#candidates = candidates;
  }

  pick(view: StrategyView, query: PickQuery, takes: boolean): number {
    this.#candidates.collect(view);
    return smoothTurn(view, query, this.#candidates, takes);
  }

  figure(): null {
    return null;
  }
}

import { i32 } from "../../table/buffer-layout.ts";
import type { Chance } from "../chance.ts";
import type { PickQuery } from "../pick.ts";
import type { Candidates } from "./candidates.ts";
import type { StrategyName } from "./names.ts";
import type { Strategy, StrategyView } from "./strategy.ts";

/** By chance, each with a probability of its share of the weights. */
export class RandomStrategy implements Strategy {
  readonly name: StrategyName = "random";
  readonly #candidates: Candidates;
  readonly #chance: Chance;

  constructor(candidates: Candidates, chance: Chance) {
    this.#candidates = candidates;
    this.#chance = chance;
  }

  pick(view: StrategyView, _query: PickQuery, takes: boolean): number {
    const candidates = this.#candidates;
    if (candidates.collect(view) === 0) return -1;
    const { state } = this.#chance;
    const position = candidates.at(this.#chance.unit() * candidates.total);
    if (!takes) this.#chance.state = state;
    return i32(candidates.rows, position);
  }

  figure(): null {
    return null;
  }
}

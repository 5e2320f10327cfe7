import { i32 } from "../../table/buffer-layout.ts";
import type { Chance } from "../chance.ts";
import type { PickQuery } from "../pick.ts";
import type { Candidates } from "./candidates.ts";
import { drawByWeight } from "./draw.ts";
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
    const { state } = this.#chance;
    const row = this.#draw(view);
    if (!takes) this.#chance.state = state;
    return row;
  }

  figure(): null {
    return null;
  }

  #draw(view: StrategyView): number {
    const candidates = this.#candidates;
    const drawn = candidates.byCapacity ? -1 : drawByWeight(view, this.#chance, -1);
    if (drawn >= 0 || candidates.collect(view) === 0) return drawn;
    return i32(candidates.rows, candidates.at(this.#chance.unit() * candidates.total));
  }
}

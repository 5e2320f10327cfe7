import { f64, i32 } from "../../table/buffer-layout.ts";
import type { Chance } from "../chance.ts";
import type { PickQuery } from "../pick.ts";
import type { Candidates } from "./candidates.ts";
import { drawByWeight } from "./draw.ts";
import { loadOf } from "./least-connections.ts";
import type { StrategyName } from "./names.ts";
import type { Strategy, StrategyView } from "./strategy.ts";

/**
 * Of two that chance takes by weight, the one with fewer requests in flight for its weight; of equals the first (Azar,
 * Broder, Karlin and Upfal, 1994; Mitzenmacher, 2001).
 */
export class PowerOfTwoStrategy implements Strategy {
  readonly name: StrategyName = "power_of_two";
  readonly #candidates: Candidates;
  readonly #chance: Chance;

  constructor(candidates: Candidates, chance: Chance) {
    this.#candidates = candidates;
    this.#chance = chance;
  }

  pick(view: StrategyView, _query: PickQuery, takes: boolean): number {
    const { state } = this.#chance;
    const first = drawByWeight(view, this.#chance, -1);
    const second = first < 0 ? -1 : drawByWeight(view, this.#chance, first);
    const row = second < 0 ? this.#pickOfAll(view, first) : lighter(view, first, second);
    if (!takes) this.#chance.state = state;
    return row;
  }

  figure(view: StrategyView, _query: PickQuery, row: number): number {
    return loadOf(view, row);
  }

  /** A first that was drawn already stays: to draw it again would favour those after which a second is easily found. */
  #pickOfAll(view: StrategyView, drawn: number): number {
    const candidates = this.#candidates;
    const count = candidates.collect(view);
    if (count === 0) return -1;
    const known = drawn < 0 ? -1 : candidates.rows.subarray(0, count).indexOf(drawn);
    const first = known < 0 ? candidates.at(this.#chance.unit() * candidates.total) : known;
    const second = this.#secondBeside(first);
    return lighter(view, i32(candidates.rows, first), i32(candidates.rows, second));
  }

  /** Another one than the first by weight; the first itself when it is alone. */
  #secondBeside(first: number): number {
    const candidates = this.#candidates;
    if (candidates.count === 1) return first;
    const share = f64(candidates.shares, first);
    candidates.shares[first] = 0;
    const second = candidates.at(this.#chance.unit() * (candidates.total - share));
    candidates.shares[first] = share;
    if (second !== first) return second;
    // Rounding has led past the last stretch, onto one without length.
    return first === 0 ? 1 : first - 1;
  }
}

function lighter(view: StrategyView, first: number, second: number): number {
  return loadOf(view, second) < loadOf(view, first) ? second : first;
}

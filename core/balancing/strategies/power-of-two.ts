import { f64, i32 } from "../../table/buffer-layout.ts";
import type { Chance } from "../chance.ts";
import type { PickQuery } from "../pick.ts";
import type { Candidates } from "./candidates.ts";
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
    const candidates = this.#candidates;
    if (candidates.collect(view) === 0) return -1;
    const { state } = this.#chance;
    const first = candidates.at(this.#chance.unit() * candidates.total);
    const second = this.#secondBeside(first);
    if (!takes) this.#chance.state = state;
    const row = i32(candidates.rows, first);
    const other = i32(candidates.rows, second);
    return loadOf(view, other) < loadOf(view, row) ? other : row;
  }

  figure(view: StrategyView, _query: PickQuery, row: number): number {
    return loadOf(view, row);
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

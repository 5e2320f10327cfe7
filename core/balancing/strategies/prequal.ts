import { f64, i32 } from "../../table/buffer-layout.ts";
import type { Chance } from "../chance.ts";
import { aged, latencyAtLoad } from "../latency.ts";
import type { PickQuery } from "../pick.ts";
import type { Candidates } from "./candidates.ts";
import { loadOf } from "./least-connections.ts";
import type { StrategyName } from "./names.ts";
import type { Strategy, StrategyView } from "./strategy.ts";

/** As many as the pool of probe answers in the paper has. */
const POOL = 16;

/**
 * Prequal's rule (Wydrowski, Kleinberg, Rumble and Archer, NSDI 2024): of a pool of backends, those with more requests in
 * flight than a quantile of the pool are hot; the cold one with the least latency wins, and where all are hot the one
 * with the fewest in flight. The paper's balancers are many, know each their own requests only, and so must probe. All
 * requests to our backends pass through us: what is in flight is known without a probe, and so is the latency that requests
 * met at about that load, which is what a probe would answer. Chance makes the pool, and decides between equals.
 */
export class PrequalStrategy implements Strategy {
  readonly name: StrategyName = "prequal";
  readonly #candidates: Candidates;
  readonly #chance: Chance;
  readonly #quantile: number;
  readonly #decayMs: number;
  readonly #loads = new Float64Array(POOL);

  /** `quantile`: from 0 to 1. */
  constructor(
    candidates: Candidates,
    chance: Chance,
    { quantile, decayMs }: { readonly quantile: number; readonly decayMs: number },
  ) {
    this.#candidates = candidates;
    this.#chance = chance;
    this.#quantile = quantile;
    this.#decayMs = decayMs;
  }

  pick(view: StrategyView, query: PickQuery, takes: boolean): number {
    if (this.#candidates.collect(view) === 0) return -1;
    const { state } = this.#chance;
    const size = this.#drawPool();
    if (!takes) this.#chance.state = state;
    const hotFrom = this.#threshold(view, size);
    const { rows } = this.#candidates;
    let best = -1;
    let bestLoad = Infinity;
    let bestLatency = Infinity;
    for (let position = 0; position < size; position++) {
      const row = i32(rows, position);
      const load = loadOf(view, row);
      const isCold = load <= hotFrom;
      const latency = isCold ? this.figure(view, query, row) : Infinity;
      if (latency > bestLatency || (latency === bestLatency && load >= bestLoad)) continue;
      best = row;
      bestLoad = load;
      bestLatency = latency;
    }
    return best;
  }

  figure(view: StrategyView, query: PickQuery, row: number): number {
    const mean = latencyAtLoad(view.columns.balance, row, i32(view.inFlight, row));
    return aged(mean, query.nowMs - f64(view.columns.balance.latencyAtMs, row), this.#decayMs);
  }

  /** Brings a pool that chance takes to the front of the candidates; gives its size. */
  #drawPool(): number {
    const { rows, count } = this.#candidates;
    const size = Math.min(POOL, count);
    for (let position = 0; position < size; position++) {
      const taken = position + Math.floor(this.#chance.unit() * (count - position));
      const row = i32(rows, taken);
      rows[taken] = i32(rows, position);
      rows[position] = row;
    }
    return size;
  }

  /** The most in flight that is not hot: the quantile of the pool by nearest rank. */
  #threshold(view: StrategyView, size: number): number {
    const loads = this.#loads.subarray(0, size);
    for (let position = 0; position < size; position++) {
      loads[position] = loadOf(view, i32(this.#candidates.rows, position));
    }
    loads.sort();
    return f64(loads, Math.max(0, Math.ceil(this.#quantile * size) - 1));
  }
}

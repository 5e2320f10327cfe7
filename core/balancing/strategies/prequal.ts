import { f64, i32 } from "../../table/buffer-layout.ts";
import type { Chance } from "../chance.ts";
import { aged, latencyAtLoad, orSilence } from "../latency.ts";
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
 * met at about that load, which is what a probe would answer. One that no request has met counts as the fastest of the
 * pool, and one that is silent as at least so slow. Chance makes the pool, and decides between equals.
 */
export class PrequalStrategy implements Strategy {
  readonly name: StrategyName = "prequal";
  readonly #candidates: Candidates;
  readonly #chance: Chance;
  readonly #quantile: number;
  readonly #decayMs: number;
  readonly #loads = new Float64Array(POOL);
  readonly #latencies = new Float64Array(POOL);

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
    const unmet = this.#fillLatencies(view, query.nowMs, size);
    const { rows } = this.#candidates;
    let best = -1;
    let bestLoad = Infinity;
    let bestLatency = Infinity;
    for (let position = 0; position < size; position++) {
      const row = i32(rows, position);
      const load = loadOf(view, row);
      const isCold = load <= hotFrom;
      const known = f64(this.#latencies, position) || unmet;
      const latency = isCold
        ? orSilence(view.columns.balance, row, known, query.nowMs, this.#decayMs)
        : Infinity;
      if (latency > bestLatency || (latency === bestLatency && load >= bestLoad)) continue;
      best = row;
      bestLoad = load;
      bestLatency = latency;
    }
    return best;
  }

  figure(view: StrategyView, query: PickQuery, row: number): number {
    const { balance } = view.columns;
    const known = this.#latency(view, row, query.nowMs) || this.#fastest(view, query.nowMs);
    return orSilence(balance, row, known, query.nowMs, this.#decayMs);
  }

  /** The fastest that is known of all candidates, 0 of none. */
  #fastest(view: StrategyView, nowMs: number): number {
    const count = this.#candidates.collect(view);
    let least = Infinity;
    for (let position = 0; position < count; position++) {
      least = Math.min(least, this.#latency(view, i32(this.#candidates.rows, position), nowMs) || Infinity);
    }
    return least === Infinity ? 0 : least;
  }

  /** Notes the latency of each of the pool, 0 where none is known; gives the least that is. */
  #fillLatencies(view: StrategyView, nowMs: number, size: number): number {
    let least = Infinity;
    for (let position = 0; position < size; position++) {
      const latency = this.#latency(view, i32(this.#candidates.rows, position), nowMs);
      this.#latencies[position] = latency;
      if (latency > 0 && latency < least) least = latency;
    }
    return least === Infinity ? 0 : least;
  }

  #latency({ columns: { balance }, inFlight }: StrategyView, row: number, nowMs: number): number {
    const mean = latencyAtLoad(balance, row, i32(inFlight, row));
    return aged(mean, nowMs - f64(balance.latencyAtMs, row), this.#decayMs);
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

import { f64, i32 } from "../../table/buffer-layout.ts";
import { LEAST_LATENCY_MS, latencyNow, orSilence } from "../latency.ts";
import type { PickQuery } from "../pick.ts";
import type { Candidates } from "./candidates.ts";
import type { StrategyName } from "./names.ts";
import type { Strategy, StrategyView } from "./strategy.ts";

/**
 * The least expected time wins: latency that requests met lately, times the requests in flight and this one, for its
 * weight. Of equals the one after the row that was picked last for the tier. A row that no request has met counts as the
 * fastest of the others: it is tried, but not by all at once.
 */
export class LeastTimeStrategy implements Strategy {
  readonly name: StrategyName = "least_time";
  readonly #candidates: Candidates;
  readonly #decayMs: number;

  constructor(candidates: Candidates, decayMs: number) {
    this.#candidates = candidates;
    this.#decayMs = decayMs;
  }

  pick(view: StrategyView, query: PickQuery, takes: boolean): number {
    const { balance } = view.columns;
    const { turn } = balance;
    const count = this.#candidates.collect(view);
    const { rows, shares, figures } = this.#candidates;
    const unmet = this.#fillLatencies(view, query.nowMs);
    const at = view.turnAt;
    const last = i32(turn, at);
    let best = -1;
    let least = Infinity;
    for (let position = 0; position < count; position++) {
      const row = i32(rows, position);
      const latency = orSilence(balance, row, f64(figures, position) || unmet, query.nowMs, this.#decayMs);
      const cost = (latency * (i32(view.inFlight, row) + 1)) / f64(shares, position);
      if (cost > least || (cost === least && !comesFirst(row, best, last))) continue;
      best = row;
      least = cost;
    }
    if (takes && best >= 0) Atomics.store(turn, at, best);
    return best;
  }

  figure(view: StrategyView, query: PickQuery, row: number): number {
    const { balance, weight } = view.columns;
    const met = latencyNow(balance, row, query.nowMs, this.#decayMs) || this.#unmet(view, query.nowMs);
    const latency = orSilence(balance, row, met, query.nowMs, this.#decayMs);
    return (latency * (i32(view.inFlight, row) + 1)) / f64(weight, row);
  }

  #unmet(view: StrategyView, nowMs: number): number {
    this.#candidates.collect(view);
    return this.#fillLatencies(view, nowMs);
  }

  /** Notes the latency of each candidate; gives the least that is known. */
  #fillLatencies({ columns }: StrategyView, nowMs: number): number {
    const { rows, figures, count } = this.#candidates;
    let least = Infinity;
    for (let position = 0; position < count; position++) {
      const latency = latencyNow(columns.balance, i32(rows, position), nowMs, this.#decayMs);
      figures[position] = latency;
      if (latency > 0 && latency < least) least = latency;
    }
    return least === Infinity ? LEAST_LATENCY_MS : least;
  }
}

/** Whether a row is nearer in turn than another one, from the row after the last on. */
function comesFirst(row: number, other: number, last: number): boolean {
  if (other < 0) return true;
  const isAhead = row > last;
  return isAhead === other > last ? row < other : isAhead;
}

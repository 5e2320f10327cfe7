import { i32 } from "../../table/buffer-layout.ts";
import type { PickQuery } from "../pick.ts";
import type { StrategyName } from "./names.ts";
import type { Strategy, StrategyView } from "./strategy.ts";

/**
 * One after the other, whatever their weights: the next eligible row after the one that any thread picked last for the
 * tier, of those that may serve such requests.
 */
export class RoundRobinStrategy implements Strategy {
  readonly name: StrategyName = "round_robin";

  pick(view: StrategyView, _query: PickQuery, takes: boolean): number {
    const { turn } = view.columns.balance;
    const at = view.turnAt;
    for (;;) {
      const last = Atomics.load(turn, at);
      const row = nextAfter(view, last);
      // Another thread has taken the turn meanwhile: the next one is ours.
      if (row < 0 || !takes || Atomics.compareExchange(turn, at, last, row) === last) return row;
    }
  }

  figure(): null {
    return null;
  }
}

function nextAfter(view: StrategyView, last: number): number {
  const { limit } = view;
  const { flags } = view.columns;
  for (let row = last + 1; row < limit; row++) {
    if (i32(flags, row) !== 0 && view.isEligible(row)) return row;
  }
  for (let row = 0; row <= last && row < limit; row++) {
    if (i32(flags, row) !== 0 && view.isEligible(row)) return row;
  }
  return -1;
}

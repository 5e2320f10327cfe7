import { f64, i32 } from "../../table/buffer-layout.ts";
import { lock, unlock } from "../../table/spin-lock.ts";
import type { PickQuery } from "../pick.ts";
import type { Candidates } from "./candidates.ts";
import type { StrategyView } from "./strategy.ts";

/** Among the same candidates nobody is ahead of, or behind, its due by as much as this many rounds. */
const MOST_ROUNDS = 2;

/**
 * The next candidate in smooth weighted turn, as nginx's: each saves up its share, the one with the most goes and pays
 * the sum of the shares; of equals the first. After t turns among the same candidates a row with share w of a sum W that
 * was picked n times has saved up t·w - n·W, whoever took the turns: the savings are shared, and a turn is one step under
 * their lock, so that the turns of all threads together are the sequence of one. Candidates are looked for before, so
 * that the lock is held for two additions and a comparison of each.
 */
export function smoothTurn(
  view: StrategyView,
  query: PickQuery,
  candidates: Candidates,
  takes: boolean,
): number {
  const { balance } = view.columns;
  const smooth = balance.smooth[query.tier];
  if (smooth === undefined || candidates.count === 0) return -1;
  if (!takes) return richest(smooth, candidates, false);
  lock(balance.smoothLock, query.tier, view.owner);
  const row = richest(smooth, candidates, true);
  unlock(balance.smoothLock, query.tier);
  return row;
}

function richest(smooth: Float64Array, candidates: Candidates, takes: boolean): number {
  const { rows, shares, count, total, whole } = candidates;
  let best = -1;
  let most = -Infinity;
  let farthest = 0;
  for (let position = 0; position < count; position++) {
    const row = i32(rows, position);
    const saved = f64(smooth, row) + f64(shares, position);
    if (takes) smooth[row] = saved;
    farthest = Math.max(farthest, Math.abs(saved));
    if (saved <= most) continue;
    best = row;
    most = saved;
  }
  if (!takes) return best;
  smooth[best] = most - total;
  if (farthest > MOST_ROUNDS * whole) shrink(smooth, candidates, whole / farthest);
  return best;
}

/** Weights have become much smaller: what was saved up in the former ones counts for as many turns as before. */
function shrink(smooth: Float64Array, { rows, count }: Candidates, factor: number): void {
  for (let position = 0; position < count; position++) {
    const row = i32(rows, position);
    smooth[row] = f64(smooth, row) * factor;
  }
}

import { f64, i32 } from "../../table/buffer-layout.ts";
import type { Chance } from "../chance.ts";
import type { StrategyView } from "./strategy.ts";

/** In a fleet of which half is eligible and of which weights are alike, all of these fail once in four billion draws. */
const TRIES = 32;
/** Below so many rows it is as cheap to look at all. */
const FEW_ROWS = 8;

/**
 * Draws an eligible row other than `except`, each with a probability of its share of the weights, without a look at all of
 * them: any row is drawn, and kept with the probability of its weight over the heaviest if it is eligible; else drawn again.
 * -1 when that took too long, or the rows are few: then all have to be looked at, which gives the same shares.
 */
export function drawByWeight(view: StrategyView, chance: Chance, except: number): number {
  const { limit } = view;
  if (limit < FEW_ROWS) return -1;
  const { flags, weight } = view.columns;
  const heaviest = heaviestOf(weight, flags, limit);
  for (let tries = 0; tries < TRIES; tries++) {
    const row = Math.floor(chance.unit() * limit);
    if (row === except || i32(flags, row) === 0) continue;
    const own = f64(weight, row);
    if (own < heaviest && chance.unit() * heaviest >= own) continue;
    if (view.isEligible(row)) return row;
  }
  return -1;
}

function heaviestOf(weight: Float64Array, flags: Int32Array, limit: number): number {
  let heaviest = 0;
  for (let row = 0; row < limit; row++) {
    const own = weight[row]!;
    if (own > heaviest && flags[row] !== 0) heaviest = own;
  }
  return heaviest;
}

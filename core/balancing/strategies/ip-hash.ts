import { f64, i32 } from "../../table/buffer-layout.ts";
import type { PickQuery } from "../pick.ts";
import type { Candidates } from "./candidates.ts";
import type { StrategyName } from "./names.ts";
import type { Strategy, StrategyView } from "./strategy.ts";

/**
 * The same client goes to the same backend, without anything remembered: weighted rendezvous hashing (Thaler and
 * Ravishankar, 1998). Each backend draws a number for the client from the hash of both; the highest wins. Who comes or
 * goes moves the clients that it wins or had won, and no others. With a bound (consistent hashing with bounded loads:
 * Mirrokni, Thorup and Zadimoghaddam, 2018) a backend that has that many times its share of the requests in flight is
 * passed over for the client's next one.
 */
export class IpHashStrategy implements Strategy {
  readonly name: StrategyName = "ip_hash";
  readonly #candidates: Candidates;
  readonly #bound: number;

  /** `bound`: how many times its share a backend may have in flight; 0 = any number. */
  constructor(candidates: Candidates, bound: number) {
    this.#candidates = candidates;
    this.#bound = bound;
  }

  pick(view: StrategyView, query: PickQuery): number {
    return this.#bound > 0 ? this.#pickBounded(view, query) : pickHighest(view, query);
  }

  figure(view: StrategyView, query: PickQuery, row: number): number {
    return -drawOf(view, query, row);
  }

  #pickBounded(view: StrategyView, query: PickQuery): number {
    const candidates = this.#candidates;
    const count = candidates.collect(view);
    const { rows, total } = candidates;
    let requests = 1;
    for (let position = 0; position < count; position++) requests += i32(view.inFlight, i32(rows, position));
    let best = -1;
    let highest = -Infinity;
    for (let position = 0; position < count; position++) {
      const row = i32(rows, position);
      const most = Math.ceil((this.#bound * requests * f64(view.columns.weight, row)) / total);
      if (i32(view.inFlight, row) >= most) continue;
      const draw = drawOf(view, query, row);
      if (draw <= highest) continue;
      best = row;
      highest = draw;
    }
    return best;
  }
}

/** Filters are asked only of rows that would win. */
function pickHighest(view: StrategyView, query: PickQuery): number {
  const { flags } = view.columns;
  let best = -1;
  let highest = -Infinity;
  for (let row = 0; row < view.limit; row++) {
    if (i32(flags, row) === 0) continue;
    const draw = drawOf(view, query, row);
    if (draw <= highest || !view.isEligible(row)) continue;
    best = row;
    highest = draw;
  }
  return best;
}

/** What a row draws for a query: ln(u) / weight, of which the highest is a row's with a probability of its share. */
function drawOf({ columns }: StrategyView, query: PickQuery, row: number): number {
  const { identityHi, identityLo } = columns.balance;
  const hash = mix(
    mix(query.hashHi ^ i32(identityHi, row)) ^ Math.imul(query.hashLo ^ i32(identityLo, row), 0x9e37_79b1),
  );
  // In the middle of its 2^-32: never 0, of which there is no logarithm.
  return Math.log(((hash >>> 0) + 0.5) / 2 ** 32) / f64(columns.weight, row);
}

/** A bijection of 32 bits in which each bit of the input changes half of the output's (Wellons, lowbias32). */
function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x7feb_352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846c_a68b);
  return mixed ^ (mixed >>> 16);
}

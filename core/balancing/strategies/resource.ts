import { medianOf } from "../../scoring/median.ts";
import { arcKm, EARTH_RADIUS_KM } from "../../scoring/place.ts";
import { f64, i32 } from "../../table/buffer-layout.ts";
import type { PickQuery } from "../pick.ts";
import type { StrategyName } from "./names.ts";
import type { Strategy, StrategyView } from "./strategy.ts";

/** Six millimetres on the unit sphere: far above the rounding of the bound, far below any difference that matters. */
const CHORD_SLACK = 1e-9;
const RELATIVE_SLACK = 1 + 1e-14;

/**
 * The default strategy: the lowest of `distance_km * weight + base score + load since the reports` wins; ties go to the
 * fewest requests in flight, then to the lowest row. Filters are asked only of rows that would win.
 *
 * The last term is for what has begun since the reports: without it all requests between two reports would go to the one
 * backend whose report was the best. Each request or lease is taken to keep as many cores busy as its tier has, one at
 * least, and a core counts as its part of the backend's CPU.
 */
export class ResourceStrategy implements Strategy {
  readonly name: StrategyName = "resource";
  readonly #distanceWeight: number;
  readonly #loadWeight: number;
  /** Chord length per point of score: no arc is shorter than its chord. */
  readonly #chordPerPoint: number;
  /** Distances by row and, packed, for the median; made when first needed. */
  #distances = new Float64Array(0);
  #sample = new Float64Array(0);

  /** `distanceWeight`: score per kilometre; `loadWeight`: score per percent of CPU that is taken since the reports. */
  constructor(distanceWeight: number, loadWeight: number) {
    this.#distanceWeight = distanceWeight;
    this.#loadWeight = loadWeight;
    this.#chordPerPoint = 1 / (distanceWeight * EARTH_RADIUS_KM);
  }

  pick(view: StrategyView, query: PickQuery): number {
    if (!query.located || this.#distanceWeight === 0) return this.#pickByBase(view);
    return view.allLocated ? this.#pickByDistance(view, query) : this.#pickWithMedian(view, query);
  }

  figure(view: StrategyView, _query: PickQuery, row: number, scoredKm: number): number {
    return f64(view.baseScore, row) + this.#distanceWeight * scoredKm + this.loadTerm(view, row);
  }

  /** What a row's score has grown by since its reports. */
  loadTerm(view: StrategyView, row: number): number {
    return this.#loadWeight * view.unseenLoad(row) * f64(view.columns.balance.coreCost, row);
  }

  /** Gives the median distance of eligible located rows from the client; 0 if there is none. */
  medianKm(view: StrategyView, query: PickQuery): number {
    if (this.#distances.length < view.limit) {
      this.#distances = new Float64Array(view.baseScore.length);
      this.#sample = new Float64Array(view.baseScore.length);
    }
    let known = 0;
    for (let row = 0; row < view.limit; row++) {
      // NaN = not eligible, -1 = eligible, but of unknown place.
      this.#distances[row] = NaN;
      if (!view.isEligible(row)) continue;
      if (view.isLocated(row)) {
        const km = arcKm(chordSquared(view, row, query));
        this.#distances[row] = km;
        this.#sample[known++] = km;
      } else {
        this.#distances[row] = -1;
      }
    }
    return medianOf(this.#sample, known);
  }

  /** A row's chord bounds its distance from below, which spares most rows the arc sine. */
  #pickByDistance(view: StrategyView, query: PickQuery): number {
    const { baseScore, limit, x, y, z } = view;
    const chordPerPoint = this.#chordPerPoint;
    const weight = this.#distanceWeight;
    const fromX = query.x;
    const fromY = query.y;
    const fromZ = query.z;
    let best = -1;
    let bestScore = Infinity;
    // Above the score of any row that can be picked, below the Infinity of those that cannot.
    let bound = Number.MAX_VALUE;
    // The index is below every column's length: the checks that `!` spares cost a seventh of the scan.
    for (let row = 0; row < limit; row++) {
      const base = baseScore[row]!;
      if (base > bound) continue;
      const dx = x[row]! - fromX;
      const dy = y[row]! - fromY;
      const dz = z[row]! - fromZ;
      const chord2 = dx * dx + dy * dy + dz * dz;
      const longest = (bound - base) * chordPerPoint + CHORD_SLACK;
      if (chord2 > longest * longest) continue;
      const score = base + weight * arcKm(chord2) + this.loadTerm(view, row);
      if (!wins(view, row, score, best, bestScore)) continue;
      best = row;
      bestScore = score;
      bound = score * RELATIVE_SLACK;
    }
    return best;
  }

  #pickByBase(view: StrategyView): number {
    const { baseScore, limit } = view;
    let best = -1;
    let bestScore = Infinity;
    for (let row = 0; row < limit; row++) {
      const base = baseScore[row]!;
      if (base > bestScore || base === Infinity) continue;
      const score = base + this.loadTerm(view, row);
      if (!wins(view, row, score, best, bestScore)) continue;
      best = row;
      bestScore = score;
    }
    return best;
  }

  #pickWithMedian(view: StrategyView, query: PickQuery): number {
    const median = this.medianKm(view, query);
    let best = -1;
    let bestScore = Infinity;
    for (let row = 0; row < view.limit; row++) {
      const known = f64(this.#distances, row);
      if (Number.isNaN(known)) continue;
      const km = known < 0 ? median : known;
      const score = f64(view.baseScore, row) + this.#distanceWeight * km + this.loadTerm(view, row);
      if (score > bestScore || (score === bestScore && !isLessBusy(view, row, best))) continue;
      best = row;
      bestScore = score;
    }
    return best;
  }
}

function wins(view: StrategyView, row: number, score: number, best: number, bestScore: number): boolean {
  if (score > bestScore || (score === bestScore && !isLessBusy(view, row, best))) return false;
  return view.isEligible(row);
}

function isLessBusy(view: StrategyView, row: number, best: number): boolean {
  return best < 0 || i32(view.inFlight, row) < i32(view.inFlight, best);
}

/** Square of the straight line from the client to a row, on the unit sphere. */
function chordSquared(view: StrategyView, row: number, query: PickQuery): number {
  const dx = f64(view.x, row) - query.x;
  const dy = f64(view.y, row) - query.y;
  const dz = f64(view.z, row) - query.z;
  return dx * dx + dy * dy + dz * dz;
}

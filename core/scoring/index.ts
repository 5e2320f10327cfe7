/** The score of a backend for a tier and a client, and the capacity that it has left. */
export { agentlessFigures, agentlessTerms } from "./agentless.ts";
export { bytesOf, type Capacity, capacityOf, gpuMaskOf } from "./capacity.ts";
export { median } from "./median.ts";
export {
  arcKm,
  distanceKm,
  EARTH_RADIUS_KM,
  knownPlace,
  type Place,
  type UnitVector,
  unitVector,
} from "./place.ts";
export { baseScore, type FiguresInput, figuresOf, type ScoreTerms, scoreTerms } from "./score.ts";
export { type Thresholds, thresholdsOf } from "./thresholds.ts";
export { renumberTiers, toTiers } from "./tiers.ts";

/**
 * Bounds that say what a count of some requests proves about all: with few of them they are wide, so that one error of
 * three condemns nobody. `z` is the one-sided quantile of the standard normal distribution.
 */

/** 95 %: what is asked of a look at the end of a stage. */
export const LAST_LOOK_Z = 1.645;
/**
 * 99.9 %: what is asked of the looks before that, of which there is one every second. Many looks at growing data find
 * something sooner or later; a high bar for all but the last keeps what that adds small (Haybittle 1971, Peto et al. 1976).
 */
export const EARLY_LOOK_Z = 3.09;

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Wilson's score interval (Wilson 1927) for the share of which `hits` of `total` were seen; everything without any. */
export function wilson(hits: number, total: number, z: number): Interval {
  if (total <= 0) return { low: 0, high: 1 };
  const share = Math.min(1, hits / total);
  const z2 = z * z;
  const scale = 1 + z2 / total;
  const middle = (share + z2 / (2 * total)) / scale;
  const spread = (z / scale) * Math.sqrt((share * (1 - share)) / total + z2 / (4 * total * total));
  return { low: Math.max(0, middle - spread), high: Math.min(1, middle + spread) };
}

/** How often something was seen, of how many. */
export interface Seen {
  readonly hits: number;
  readonly total: number;
}

/** By how much the first share is at least above the second: the lower limit of Newcombe's method 10 (Newcombe 1998). */
export function leastDifference(first: Seen, second: Seen, z: number): number {
  if (first.total <= 0 || second.total <= 0) return -1;
  const a = first.hits / first.total;
  const b = second.hits / second.total;
  const below = a - wilson(first.hits, first.total, z).low;
  const above = wilson(second.hits, second.total, z).high - b;
  return a - b - Math.hypot(below, above);
}

/** Mean of some numbers with its standard error. */
export interface Estimate {
  readonly mean: number;
  readonly error: number;
}

/** By how much one mean is at least above another (Welch's statistic; the samples are large enough for the normal one). */
export function leastExcess(first: Estimate, second: Estimate, z: number): number {
  return first.mean - second.mean - z * Math.hypot(first.error, second.error);
}

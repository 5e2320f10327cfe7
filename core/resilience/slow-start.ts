/** Recovered backends get their share back little by little: caches are cold, and one of them is what failed. */

/** Not even at the start is it nothing: a share of 0 would never be seen to work. */
const FIRST_SHARE = 0.1;

/** Gives the share of its picks that a backend gets `sinceMs` after it came back, growing evenly to 1 over `durationMs`. */
export function rampShare(sinceMs: number, durationMs: number): number {
  if (sinceMs >= durationMs || sinceMs < 0) return 1;
  return FIRST_SHARE + (1 - FIRST_SHARE) * (sinceMs / durationMs);
}

/**
 * Gives number `pick` of a sequence in [0, 1) that is spread evenly however short a part of it is looked at (the
 * multiples of the golden ratio); rows are offset against each other, so that not all are held back at the same picks.
 */
export function evenly(pick: number, row: number): number {
  const at = pick * 0.618_033_988_749_894_9 + row * 0.754_877_666_246_692_7;
  return at - Math.floor(at);
}

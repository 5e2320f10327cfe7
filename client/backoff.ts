/** Waiting times between attempts. Pure: chance is an argument. */

const FIRST_MS = 1000;
const CAP_MS = 30_000;

/**
 * Gives the wait before attempt number `failures + 1`: 1 s doubling to 30 s, of which the upper half is left to
 * chance, so that a fleet that lost its server together does not come back together.
 */
export function backoffMs(failures: number, random: number): number {
  const step = Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(Math.max(failures - 1, 0), 16));
  return step * (0.5 + random / 2);
}

/** Gives an interval moved by up to 5 % either way; its mean stays the interval. */
export function jittered(intervalMs: number, random: number): number {
  return intervalMs * (0.95 + random / 10);
}

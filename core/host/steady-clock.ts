/**
 * The clock by which everything in this process ages: reports, leases, sessions, rates, breakers. It starts with the
 * time of the wall clock and then runs with the monotonic clock of the system, so that a wall clock that is set, by
 * hand, by NTP after a boot without one, or by a faulty host, makes nothing expire and nothing live for ever.
 */

/** Milliseconds of a clock that never goes back. */
export type MonotonicClock = () => number;

/** Starts the clock: whole milliseconds since the epoch, as if the wall clock had never been set from now on. */
export function startSteadyClock(wallMs: number, monotonic: MonotonicClock): () => number {
  const offset = wallMs - monotonic();
  return () => Math.floor(offset + monotonic());
}

const READINGS = 5;

/**
 * Sets a clock of this thread by the one of another: each thread's monotonic clock begins when the thread does. Of a few
 * answers the one that came quickest is the most exact; it is off by at most half the time that it took.
 */
export async function followClock(
  ask: () => Promise<number>,
  monotonic: MonotonicClock,
): Promise<() => number> {
  let offset = 0;
  let quickest = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < READINGS; reading++) {
    const before = monotonic();
    const told = await ask();
    const after = monotonic();
    if (after - before >= quickest) continue;
    quickest = after - before;
    // What was told is whole milliseconds, half of one too little on average.
    offset = told + 0.5 - (before + after) / 2;
  }
  return () => Math.floor(offset + monotonic());
}

/**
 * The clock by which everything in this process ages: reports, leases, sessions, rates, breakers. It starts with the
 * time of the wall clock and then runs with the monotonic clock of the system, so that a wall clock that is set, by
 * hand, by NTP after a boot without one, or by a faulty host, makes nothing expire and nothing live for ever.
 */

/** One moment by both clocks, in milliseconds; taken once, and given to every thread. */
export interface ClockOrigin {
  /** Since the epoch. */
  readonly wallMs: number;
  /** Since whenever the monotonic clock that all threads share began. */
  readonly sharedMs: number;
}

/** What the thread that runs this lends it: a cheap clock of its own, and the one that all threads share. */
export interface ClockHost {
  /** Monotonic, since the thread began. */
  readonly ownMs: () => number;
  /** Monotonic, the same in every thread. */
  readonly sharedMs: () => number;
}

const READINGS = 8;

/** Makes the clock of a thread: whole milliseconds since the epoch, as if the wall clock had never been set. */
export function steadyClock(origin: ClockOrigin, { ownMs, sharedMs }: ClockHost): () => number {
  let ahead = 0;
  let narrowest = Number.POSITIVE_INFINITY;
  // The first calls of a thread may take long: what counts is the reading with the least time around it.
  for (let reading = 0; reading < READINGS; reading++) {
    const before = ownMs();
    const shared = sharedMs();
    const after = ownMs();
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    ahead = shared - (before + after) / 2;
  }
  const offset = origin.wallMs - origin.sharedMs + ahead;
  return () => Math.floor(offset + ownMs());
}

/** Time, timers and chance as arguments, so that whatever waits can be tested without waiting. */

export interface Scheduler {
  /** Milliseconds on a clock that never steps back; only differences mean anything. */
  monotonicMs(): number;
  /** Milliseconds since the epoch. */
  wallMs(): number;
  /** A number from 0 (inclusive) to 1 (exclusive). */
  random(): number;
  /** Runs the action once after the delay, unless the returned function is called before. */
  after(delayMs: number, action: () => void): () => void;
}

/** Builds the scheduler of the running process. */
export function systemScheduler(): Scheduler {
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    random: () => Math.random(),
    after(delayMs, action) {
      const timer = setTimeout(action, delayMs);
      return () => clearTimeout(timer);
    },
  };
}

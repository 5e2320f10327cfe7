/** The control plane's times: by which things age, and what people and files are told. */
import { startSteadyClock } from "../../core/host/steady-clock.ts";

export interface Clock {
  /** Milliseconds of the clock by which everything ages. */
  readonly now: () => number;
  /** The same moment by the wall clock as it is set now. */
  readonly wallOf: (ms: number) => number;
}

/** Starts the clock of this process. */
export function startClock(): Clock {
  const now = startSteadyClock(Date.now(), () => performance.now());
  return { now, wallOf: (ms) => ms + (Date.now() - now()) };
}

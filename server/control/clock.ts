/** The control plane's times: by which things age, and what people and files are told. */
import { type ClockOrigin, steadyClock } from "../../core/host/steady-clock.ts";

export interface Clock {
  /** For the other threads. */
  readonly origin: ClockOrigin;
  /** Milliseconds of the clock by which everything ages. */
  readonly now: () => number;
  /** The same moment by the wall clock as it is set now. */
  readonly wallOf: (ms: number) => number;
}

/** Starts the clock of this process. */
export function startClock(): Clock {
  const origin = { wallMs: Date.now(), sharedMs: sharedMs() };
  const now = steadyClock(origin, { ownMs: () => performance.now(), sharedMs });
  return { origin, now, wallOf: (ms) => ms + (Date.now() - now()) };
}

function sharedMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

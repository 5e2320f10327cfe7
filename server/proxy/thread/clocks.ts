import type { ClockHost } from "../../../core/host/steady-clock.ts";

/** The clocks of the thread that asks. */
export function threadClocks(): ClockHost {
  return {
    ownMs: () => performance.now(),
    sharedMs: () => Number(process.hrtime.bigint()) / 1e6,
  };
}

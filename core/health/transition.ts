/** Health of one origin as its probes tell it: a pure transition per outcome. */

export interface ProbeState {
  readonly status: "unknown" | "healthy" | "unhealthy";
  /** Successes in a row; 0 after a failure. */
  readonly successes: number;
  /** Failures in a row; 0 after a success. */
  readonly failures: number;
  /** Moving average over successful probes; null before the first. */
  readonly latencyMs: number | null;
}

export type ProbeOutcome =
  | { readonly ok: true; readonly latencyMs: number }
  | { readonly ok: false; readonly reason: string };

/** How many outcomes in a row change the status. */
export interface ProbeThresholds {
  readonly healthy: number;
  readonly unhealthy: number;
}

export const UNPROBED: ProbeState = { status: "unknown", successes: 0, failures: 0, latencyMs: null };

/** Share of the newest sample in the average; the original's. */
const LATENCY_ALPHA = 0.3;

/** Moves a state on by one outcome. Failures leave the latency alone: how fast a refusal came says nothing. */
export function observeProbe(
  state: ProbeState,
  outcome: ProbeOutcome,
  thresholds: ProbeThresholds,
): ProbeState {
  if (!outcome.ok) {
    const failures = state.failures + 1;
    const status = failures >= thresholds.unhealthy ? "unhealthy" : state.status;
    return { status, successes: 0, failures, latencyMs: state.latencyMs };
  }
  const successes = state.successes + 1;
  const status = successes >= thresholds.healthy ? "healthy" : state.status;
  // What was measured before an outage is no longer true: the average starts anew with the first success after it.
  const isRecovering = state.status === "unhealthy" && state.successes === 0;
  const previous = isRecovering ? null : state.latencyMs;
  const latencyMs =
    previous === null ? outcome.latencyMs : previous + LATENCY_ALPHA * (outcome.latencyMs - previous);
  return { status, successes, failures: 0, latencyMs };
}

/**
 * Health of a backend from its origins. One origin that answers keeps it in: requests to the others fail over
 * one by one, while taking the whole backend out would also stop what works.
 */
export function combineHealth(origins: readonly ProbeState[]): ProbeState["status"] {
  if (origins.some((origin) => origin.status === "healthy")) return "healthy";
  const isDown = origins.length > 0 && origins.every((origin) => origin.status === "unhealthy");
  return isDown ? "unhealthy" : "unknown";
}

/**
 * The circuit breaker in front of reports: after a run of failures the server is left alone for a while, then
 * one trial decides. A union and its transitions, pure; the passing of time is computed when looked at.
 */

export type Circuit =
  | { readonly state: "closed"; readonly failures: number }
  | { readonly state: "open"; readonly untilMs: number }
  /** One trial is under way; nothing else is admitted until it is settled. */
  | { readonly state: "half-open" };

export interface CircuitRule {
  /** Failures in a row that open the circuit. */
  readonly failureLimit: number;
  readonly openMs: number;
}

export const CLOSED: Circuit = { state: "closed", failures: 0 };

/**
 * Gives the rule for a report interval: five failures, then 30 seconds or two intervals, whichever is longer.
 * A pause shorter than the interval would be over before the next report and never skip one.
 */
export function circuitRule(intervalMs: number): CircuitRule {
  return { failureLimit: 5, openMs: Math.max(30_000, 2 * intervalMs) };
}

/** Asks to call the server now; when admitted, the returned circuit must be settled with the outcome. */
export function admit(
  circuit: Circuit,
  nowMs: number,
): { readonly admitted: boolean; readonly circuit: Circuit } {
  if (circuit.state === "closed") return { admitted: true, circuit };
  const isTrial = circuit.state === "open" && nowMs >= circuit.untilMs;
  return isTrial ? { admitted: true, circuit: { state: "half-open" } } : { admitted: false, circuit };
}

/** Records the outcome of an admitted call. */
export function settle(circuit: Circuit, succeeded: boolean, nowMs: number, rule: CircuitRule): Circuit {
  if (succeeded) return CLOSED;
  if (circuit.state === "open") return circuit;
  const failures = circuit.state === "closed" ? circuit.failures + 1 : rule.failureLimit;
  if (failures < rule.failureLimit) return { state: "closed", failures };
  return { state: "open", untilMs: nowMs + rule.openMs };
}

/**
 * The circuit breaker of one endpoint: what requests met there decides whether further ones may go. Closed, then open
 * for a growing time, then half-open, in which trials decide. The passing of time is computed when looked at.
 */

export interface BreakerState {
  /** 0 while closed; else open until then (in the caller's milliseconds) and half-open from then on. */
  readonly openUntilMs: number;
  /** Openings that followed each other; each lasts longer. */
  readonly openings: number;
  /** When it was last closed; 0 if never opened. */
  readonly closedAtMs: number;
  /** Failures in a row, and how many of them were failures to connect. */
  readonly failures: number;
  readonly connectFailures: number;
  /** Trials in a row that succeeded while half-open. */
  readonly trialSuccesses: number;
  /** The window in which the share of failures is looked at; it begins with the first request after the last one. */
  readonly windowEndMs: number;
  readonly windowRequests: number;
  readonly windowFailures: number;
}

/** `connect_failure`: nothing could be sent; `failure`: no answer, no valid one, or a status of 500 and above. */
export type BreakerEvent = "success" | "failure" | "connect_failure";

export type BreakerChange = "none" | "opened" | "closed";

/** When it opens and for how long. A threshold of 0 never opens. */
export interface BreakerRule {
  readonly failures: number;
  readonly connectFailures: number;
  /** Share of failures in a window with at least `minRequests`, from 0 to 1. */
  readonly failureRatio: number;
  readonly minRequests: number;
  readonly windowMs: number;
  /** The n-th opening in a row lasts n times as long, up to the maximum. */
  readonly openMs: number;
  readonly maxOpenMs: number;
  /** Successful trials that close it. */
  readonly trialSuccesses: number;
}

export const CLOSED_BREAKER: BreakerState = {
  openUntilMs: 0,
  openings: 0,
  closedAtMs: 0,
  failures: 0,
  connectFailures: 0,
  trialSuccesses: 0,
  windowEndMs: 0,
  windowRequests: 0,
  windowFailures: 0,
};

/** One request and what became of it. */
export interface Outcome {
  readonly event: BreakerEvent;
  /** It was let through to try a half-open breaker. Other requests say nothing while it is not closed: they are older. */
  readonly isTrial: boolean;
  readonly nowMs: number;
}

/** Moves a breaker on by an outcome. `mayOpen` is asked before it leaves the closed state: too many may be open already. */
export function observeOutcome(
  state: BreakerState,
  outcome: Outcome,
  rule: BreakerRule,
  mayOpen: () => boolean,
): { readonly state: BreakerState; readonly change: BreakerChange } {
  const { event, isTrial, nowMs } = outcome;
  if (state.openUntilMs > 0 && !isTrial) return { state, change: "none" };
  if (isTrial) return observeTrial(state, event, rule, nowMs);
  const counted = count(state, event, rule, nowMs);
  if (event === "success" || !isTooMuch(counted, rule) || !mayOpen())
    return { state: counted, change: "none" };
  return { state: open(counted, rule, nowMs), change: "opened" };
}

/** Lets an open breaker try again now, because something else has shown that the endpoint is back. */
export function halfOpen(state: BreakerState, nowMs: number): BreakerState {
  return state.openUntilMs > nowMs ? { ...state, openUntilMs: nowMs } : state;
}

function observeTrial(
  state: BreakerState,
  event: BreakerEvent,
  rule: BreakerRule,
  nowMs: number,
): { readonly state: BreakerState; readonly change: BreakerChange } {
  if (event !== "success") {
    const connectFailures = event === "connect_failure" ? state.connectFailures + 1 : 0;
    return { state: open({ ...state, connectFailures }, rule, nowMs), change: "opened" };
  }
  const trialSuccesses = state.trialSuccesses + 1;
  if (trialSuccesses < rule.trialSuccesses) return { state: { ...state, trialSuccesses }, change: "none" };
  const { openings } = state;
  return { state: { ...CLOSED_BREAKER, openings, closedAtMs: nowMs }, change: "closed" };
}

function open(state: BreakerState, rule: BreakerRule, nowMs: number): BreakerState {
  // Who stayed good for as long as the longest opening starts over.
  const isRelapse = state.openUntilMs > 0 || nowMs - state.closedAtMs < rule.maxOpenMs;
  const openings = isRelapse ? state.openings + 1 : 1;
  const openUntilMs = nowMs + Math.min(rule.maxOpenMs, rule.openMs * openings);
  const { failures, connectFailures, closedAtMs } = state;
  return { ...CLOSED_BREAKER, openUntilMs, openings, closedAtMs, failures, connectFailures };
}

function count(state: BreakerState, event: BreakerEvent, rule: BreakerRule, nowMs: number): BreakerState {
  const isNewWindow = nowMs >= state.windowEndMs;
  const failed = event === "success" ? 0 : 1;
  return {
    ...state,
    failures: failed === 0 ? 0 : state.failures + 1,
    connectFailures: event === "connect_failure" ? state.connectFailures + 1 : 0,
    windowEndMs: isNewWindow ? nowMs + rule.windowMs : state.windowEndMs,
    windowRequests: (isNewWindow ? 0 : state.windowRequests) + 1,
    windowFailures: (isNewWindow ? 0 : state.windowFailures) + failed,
  };
}

function isTooMuch(state: BreakerState, rule: BreakerRule): boolean {
  return (
    (rule.failures > 0 && state.failures >= rule.failures) ||
    (rule.connectFailures > 0 && state.connectFailures >= rule.connectFailures) ||
    (rule.failureRatio > 0 &&
      state.windowRequests >= rule.minRequests &&
      state.windowFailures >= rule.failureRatio * state.windowRequests)
  );
}

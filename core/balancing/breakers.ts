import {
  type BreakerChange,
  type BreakerEvent,
  type BreakerRule,
  type BreakerState,
  halfOpen,
  observeOutcome,
} from "../resilience/circuit-breaker.ts";
import type { BackendTable } from "../table/backend/backend-table.ts";
import { BREAKERS_PER_ROW, type BreakerColumns } from "../table/backend/breaker-columns.ts";
import { f64, i32 } from "../table/buffer-layout.ts";

/** When breakers open, and how much of the fleet they may take out. */
export interface BreakerOptions extends BreakerRule {
  /** Share of the enabled backends that may be out at one time, from 0 to 1. */
  readonly maxEjected: number;
  /** A trial that takes longer does not keep others from being the next one. */
  readonly trialMs: number;
}

/** The circuit breakers of all endpoints in the shared table: every thread sees at once what a request of any met. */
export class Breakers {
  readonly #backends: BackendTable;
  readonly #columns: BreakerColumns;
  /** Null when breakers are off. */
  #options: BreakerOptions | null;

  constructor(backends: BackendTable, options: BreakerOptions | null) {
    this.#backends = backends;
    this.#columns = backends.columns.breakers;
    this.#options = options;
  }

  /** Changes the rules from now on. */
  setOptions(options: BreakerOptions | null): void {
    this.#options = options;
  }

  /** Whether no request may go to the endpoint now: its breaker is open, or half-open with a trial under way. */
  blocks(breaker: number, nowMs: number): boolean {
    if (this.#options === null) return false;
    const until = f64(this.#columns.openUntilMs, breaker);
    return until !== 0 && (until > nowMs || this.#isTried(breaker, nowMs));
  }

  /** How much longer the breaker is open, in milliseconds; 0 when it is closed or half-open. */
  openForMs(breaker: number, nowMs: number): number {
    return Math.max(0, f64(this.#columns.openUntilMs, breaker) - nowMs);
  }

  /** Makes a claim the trial of its breaker if that is half-open; gives its mark, 0 if it is none. The caller holds the row's lock. */
  takeTrialLocked(breaker: number, nowMs: number): number {
    const columns = this.#columns;
    const until = f64(columns.openUntilMs, breaker);
    if (until === 0 || until > nowMs || this.#isTried(breaker, nowMs)) return 0;
    // Two trials of one breaker never begin at the same time.
    const mark = Math.max(nowMs, f64(columns.trialSinceMs, breaker) + 1);
    columns.trial[breaker] = this.#backends.owner;
    columns.trialSinceMs[breaker] = mark;
    return mark;
  }

  /** Lets another request be the trial: this one told nothing. */
  giveTrialBackLocked(breaker: number, mark: number): void {
    if (this.#isCurrent(breaker, mark)) this.#columns.trial[breaker] = 0;
  }

  /** Records what a request met. The caller holds the row's lock. */
  observeLocked(
    { row, breaker, trial }: { readonly row: number; readonly breaker: number; readonly trial: number },
    event: BreakerEvent,
    nowMs: number,
  ): BreakerChange {
    const columns = this.#columns;
    if (this.#options === null) return "none";
    // One that took too long is by now an old request like others, and what it met says nothing.
    const isTrial = this.#isCurrent(breaker, trial);
    if (trial !== 0 && !isTrial) return "none";
    if (event === "success" && !isTrial && this.#countSuccess(breaker, nowMs)) return "none";
    const options = this.#options;
    if (isTrial) columns.trial[breaker] = 0;
    const mayOpen = (): boolean => this.#backends.ejectLocked(row, options.maxEjected);
    const outcome = { event, isTrial, nowMs };
    const { state, change } = observeOutcome(this.#read(breaker), outcome, options, mayOpen);
    this.#write(breaker, state);
    if (change === "closed") {
      this.#backends.admitLocked(row);
      this.#backends.columns.rampSinceMs[row] = nowMs;
    }
    return change;
  }

  /** Lets the open breakers of a row that could not be connected to try again now: a probe has connected to `endpoints`. */
  reachedLocked(row: number, endpoints: number, nowMs: number): void {
    const { connectFailures } = this.#columns;
    for (let endpoint = 0; endpoint < BREAKERS_PER_ROW; endpoint++) {
      const breaker = row * BREAKERS_PER_ROW + endpoint;
      const isMeant = (endpoints & (1 << endpoint)) !== 0 && i32(connectFailures, breaker) > 0;
      if (isMeant) this.#write(breaker, halfOpen(this.#read(breaker), nowMs));
    }
  }

  /** A trial is under way, and has not taken too long. */
  #isTried(breaker: number, nowMs: number): boolean {
    const columns = this.#columns;
    if (i32(columns.trial, breaker) === 0) return false;
    return this.#options === null || nowMs - f64(columns.trialSinceMs, breaker) < this.#options.trialMs;
  }

  #isCurrent(breaker: number, mark: number): boolean {
    const columns = this.#columns;
    return mark !== 0 && i32(columns.trial, breaker) !== 0 && f64(columns.trialSinceMs, breaker) === mark;
  }

  /** The common case without more ado: a closed breaker without failures counts one more request. */
  #countSuccess(breaker: number, nowMs: number): boolean {
    const columns = this.#columns;
    if (f64(columns.openUntilMs, breaker) !== 0) return true;
    if (i32(columns.failures, breaker) !== 0 || nowMs >= f64(columns.windowEndMs, breaker)) return false;
    columns.windowRequests[breaker] = i32(columns.windowRequests, breaker) + 1;
    return true;
  }

  #read(breaker: number): BreakerState {
    const columns = this.#columns;
    return {
      openUntilMs: f64(columns.openUntilMs, breaker),
      openings: i32(columns.openings, breaker),
      closedAtMs: f64(columns.closedAtMs, breaker),
      failures: i32(columns.failures, breaker),
      connectFailures: i32(columns.connectFailures, breaker),
      trialSuccesses: i32(columns.trialSuccesses, breaker),
      windowEndMs: f64(columns.windowEndMs, breaker),
      windowRequests: i32(columns.windowRequests, breaker),
      windowFailures: i32(columns.windowFailures, breaker),
    };
  }

  #write(breaker: number, state: BreakerState): void {
    const columns = this.#columns;
    columns.openUntilMs[breaker] = state.openUntilMs;
    columns.openings[breaker] = state.openings;
    columns.closedAtMs[breaker] = state.closedAtMs;
    columns.failures[breaker] = state.failures;
    columns.connectFailures[breaker] = state.connectFailures;
    columns.trialSuccesses[breaker] = state.trialSuccesses;
    columns.windowEndMs[breaker] = state.windowEndMs;
    columns.windowRequests[breaker] = state.windowRequests;
    columns.windowFailures[breaker] = state.windowFailures;
  }
}

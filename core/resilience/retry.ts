/** How often, how soon and with how much company a request may be sent again. Pure: chance is an argument. */

export interface BackoffRule {
  /** Longest wait before the first retry. */
  readonly baseMs: number;
  /** By how much it grows with each; at least 1. */
  readonly multiplier: number;
  readonly maxMs: number;
}

/**
 * Gives the wait before retry number `retry` (1 = the first): anything from nothing to the full step, so that requests
 * that failed together do not come back together ("full jitter"). `random` is from 0 to 1.
 */
export function retryDelayMs(rule: BackoffRule, retry: number, random: number): number {
  // Twenty steps are beyond any maximum, or the factor is next to nothing.
  const step = rule.baseMs * rule.multiplier ** Math.min(Math.max(retry - 1, 0), 20);
  return Math.min(rule.maxMs, step) * random;
}

/**
 * What retries may be: at one time a share of the requests under way, and always a few; in the long run a share of all
 * requests, as those that fail at once are never many at one time.
 */
export interface RetryBudget {
  /** From 0 to 1. */
  readonly share: number;
  readonly least: number;
}

/** Retries that a service which was well for long may have at once. */
const MOST_SAVED = 1000;
/** A service with next to no requests has its least number of retries again after this. */
const REFILL_MS = 10_000;

/** A token bucket of retries: each request saves a share of one, each retry takes one. */
export class RetrySavings {
  readonly #budget: RetryBudget;
  #saved: number;
  #refilledAtMs: number;

  /** Times are of a monotonic clock. */
  constructor(budget: RetryBudget, nowMs: number) {
    this.#budget = budget;
    this.#saved = budget.least;
    this.#refilledAtMs = nowMs;
  }

  /** Notes a request that is sent for the first time. */
  request(): void {
    if (this.#saved < MOST_SAVED) this.#saved += this.#budget.share;
  }

  /** Tells whether there may be a retry. */
  has(nowMs: number): boolean {
    const { least } = this.#budget;
    if (this.#saved < least) {
      const elapsedMs = Math.min(REFILL_MS, nowMs - this.#refilledAtMs);
      this.#saved = Math.min(least, this.#saved + (least * elapsedMs) / REFILL_MS);
    }
    this.#refilledAtMs = nowMs;
    return this.#saved >= 1;
  }

  /** Takes a retry that there may be. */
  take(): void {
    this.#saved--;
  }
}

/** Tells whether one more retry fits, while `requests` are in flight and `retries` of them are retries already. */
export function fitsBudget(budget: RetryBudget, requests: number, retries: number): boolean {
  return retries < Math.max(budget.least, Math.floor(budget.share * requests));
}

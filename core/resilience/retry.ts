/** How often, how soon and with how much company a request may be sent again. Pure: chance is an argument. */

export interface BackoffRule {
  /** Longest wait before the first retry; it doubles with each. */
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * Gives the wait before retry number `retry` (1 = the first): anything from nothing to the full step, so that requests
 * that failed together do not come back together ("full jitter"). `random` is from 0 to 1.
 */
export function retryDelayMs(rule: BackoffRule, retry: number, random: number): number {
  // 2^20 steps are beyond any maximum.
  const step = rule.baseMs * 2 ** Math.min(Math.max(retry - 1, 0), 20);
  return Math.min(rule.maxMs, step) * random;
}

/** The retries that may be under way at one time: a share of the requests under way, and always a few. */
export interface RetryBudget {
  /** From 0 to 1. */
  readonly share: number;
  readonly least: number;
}

/** Tells whether one more retry fits, while `requests` are in flight and `retries` of them are retries already. */
export function fitsBudget(budget: RetryBudget, requests: number, retries: number): boolean {
  return retries < Math.max(budget.least, Math.floor(budget.share * requests));
}

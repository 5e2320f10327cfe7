import { fitsBudget, type RetryBudget, RetrySavings } from "../resilience/retry.ts";
import { i32 } from "../table/buffer-layout.ts";
import { CONTROL_PLANE } from "../table/spin-lock.ts";
import type { Tables } from "../table/tables.ts";

/**
 * Keeps retries within their budget, over all threads. Backends whose endpoints have the same paths share a budget: a
 * service that fails as a whole must not use up the retries of another.
 */
export class RetryDesk {
  readonly #tables: Tables;
  readonly #budget: RetryBudget;
  /** Where this thread's share of the counts begins. */
  readonly #share: number;
  /** Of this thread, by path group: threads need not agree on what holds in the long run. */
  readonly #savings: RetrySavings[] = [];
  readonly #now: () => number;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(tables: Tables, budget: RetryBudget, now: () => number) {
    this.#now = now;
    this.#tables = tables;
    this.#budget = budget;
    this.#share = (tables.worker - CONTROL_PLANE) * tables.backends.capacity;
  }

  /** Notes that a request is sent to a row for the first time. */
  sent(row: number): void {
    this.#savingsOf(i32(this.#tables.backends.columns.pathGroup, row)).request();
  }

  /** Asks for one more retry of a request that failed on a row: the path group to give back later, or -1 for none. */
  take(row: number): number {
    const { columns } = this.#tables.backends;
    const group = i32(columns.pathGroup, row);
    const savings = this.#savingsOf(group);
    if (!savings.has(this.#now())) return -1;
    if (!fitsBudget(this.#budget, this.#inFlight(group), this.#retries(group))) return -1;
    savings.take();
    columns.retriesOf[this.#share + group] = i32(columns.retriesOf, this.#share + group) + 1;
    return group;
  }

  /** The retry is over. */
  giveBack(group: number): void {
    const { retriesOf } = this.#tables.backends.columns;
    retriesOf[this.#share + group] = i32(retriesOf, this.#share + group) - 1;
  }

  #savingsOf(group: number): RetrySavings {
    const known = this.#savings[group];
    if (known !== undefined) return known;
    const made = new RetrySavings(this.#budget, this.#now());
    this.#savings[group] = made;
    return made;
  }

  /** Counted when asked: retries are rare, requests are not. */
  #inFlight(group: number): number {
    const { backends } = this.#tables;
    const { pathGroup, inFlight } = backends.columns;
    let requests = 0;
    for (let row = 0; row < backends.limit; row++) {
      if (i32(pathGroup, row) === group) requests += i32(inFlight, row);
    }
    return requests;
  }

  #retries(group: number): number {
    const { capacity, workers, columns } = this.#tables.backends;
    let retries = 0;
    for (let thread = 0; thread <= workers; thread++) {
      retries += i32(columns.retriesOf, thread * capacity + group);
    }
    return retries;
  }
}

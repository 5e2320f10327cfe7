import { retryDelayMs } from "../../../core/resilience/retry.ts";
import type { Exchange } from "../exchange/exchange.ts";

/** Sending these twice is as good as once (RFC 9110 section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

/** Whether a request that was sent and got no answer may be sent once more. */
export function mayResend({ head, body }: Exchange): boolean {
  return body.replayable && IDEMPOTENT.has(head.method);
}

/** The retries of one request: how many there were, and their place in the budget. */
export class Retries {
  readonly #exchange: Exchange;
  #count = 0;
  /** Path group whose budget it draws on; -1 for none. */
  #group = -1;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  begin(): void {
    this.#count = 0;
    this.end();
  }

  /** Asks for a retry after a failure on a row: the wait before it in milliseconds, or -1 when there is to be none. */
  take(row: number): number {
    const { plane } = this.#exchange;
    const { retries } = plane.options;
    if (this.#count >= retries.attempts || !mayResend(this.#exchange)) return -1;
    this.end();
    this.#group = plane.retryDesk.take(row);
    if (this.#group < 0) {
      plane.count("retries_over_budget");
      return -1;
    }
    this.#count++;
    plane.count("retries");
    return retryDelayMs(retries.backoff, this.#count, Math.random());
  }

  /** The request is over: its place in the budget is free. */
  end(): void {
    if (this.#group >= 0) this.#exchange.plane.retryDesk.giveBack(this.#group);
    this.#group = -1;
  }
}

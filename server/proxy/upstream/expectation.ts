import type { Exchange } from "../exchange/exchange.ts";
import { type TimerOwner, WheelTimer } from "../net/timer-wheel.ts";

/**
 * A client that said `Expect: 100-continue` waits for leave to send its body, and the backend, which was asked for it, may
 * never give it: many do not know the expectation. After a while the client gets leave from us (RFC 9110 section 10.1.1).
 */
export class Expectation implements TimerOwner {
  readonly #exchange: Exchange;
  readonly #timer = new WheelTimer(this);

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** The request's head is on its way to a backend. */
  begin(): void {
    const { head, continued, plane } = this.#exchange;
    const { expectTimeoutMs } = plane.options;
    if (head.expectContinue && !continued && expectTimeoutMs > 0)
      plane.wheel.arm(this.#timer, expectTimeoutMs);
  }

  /** The backend has said something, or nobody waits for it any more. */
  end(): void {
    this.#exchange.plane.wheel.cancel(this.#timer);
  }

  onTimer(): void {
    // Who has begun to send needs no leave.
    if (this.#exchange.body.received === 0) this.#exchange.sayContinue();
  }
}

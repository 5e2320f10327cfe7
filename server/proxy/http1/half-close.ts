import type { Exchange } from "../exchange/exchange.ts";

/** A FIN this soon after the end of a `data` callback came with it: the client has half-closed, not left. */
const SAME_TURN_MS = 0.1;

/**
 * A client that ends its stream may have said all and still read (half-close), or be gone. Its FIN alone does not tell,
 * so that after a while without an answer it is asked.
 */
export class HalfClose {
  #dataEndedMs = 0;
  /** Reading was stopped behind pipelined requests: a FIN that comes next was sent with them. */
  #catchingUp = false;
  /** Bytes answered when the client last looked gone; -1 while nothing suggests it. */
  #passed = -1;
  /** Deadline of the exchange. */
  #deadlineMs = 0;

  /** The client may be gone, and its exchange is looked at from time to time. */
  get isSuspected(): boolean {
    return this.#passed >= 0;
  }

  /** Until the deadline of the exchange. */
  get leftMs(): number {
    return this.#deadlineMs - performance.now();
  }

  /** Notes the deadline of the exchange: a client that may be gone gets no more time than another. */
  due(afterMs: number): void {
    this.#deadlineMs = performance.now() + afterMs;
  }

  dataBegins(): void {
    this.#catchingUp = false;
  }

  /** A `data` callback ended: what it brought has been taken. */
  dataEnded(): void {
    this.#dataEndedMs = performance.now();
  }

  /** Reading goes on after a stop; `behind` pipelined requests or not. */
  resumed(behind: boolean): void {
    this.#catchingUp = behind;
  }

  /** The FIN came: says whether it came by itself, from a client that may be gone. */
  suspect(exchange: Exchange): boolean {
    const isWithData = this.#catchingUp || performance.now() - this.#dataEndedMs <= SAME_TURN_MS;
    if (!isWithData) this.#passed = exchange.bytesOut;
    return !isWithData;
  }

  /**
   * Looks again: "ask" the client with an interim response, "wait" for what flows to draw a reset if nobody takes it, or
   * take the client for "gone". "overdue" once the exchange has run out of time.
   */
  look(exchange: Exchange, pendingBytes: number): "ask" | "wait" | "gone" | "overdue" {
    const { responding, head } = exchange;
    const before = this.#passed;
    this.#passed = exchange.bytesOut;
    if (this.leftMs <= 0) return "overdue";
    if (!responding && head.minor === 1) return "ask";
    return responding && (this.#passed !== before || pendingBytes > 0) ? "wait" : "gone";
  }

  /** Forgets the suspicion. */
  clear(): void {
    this.#passed = -1;
  }
}

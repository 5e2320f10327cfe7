import type { ProxyErrorCode } from "../wire/proxy-error.ts";
import { type HeadLimits, MessageHead } from "./message-head.ts";

export type { HeadLimits } from "./message-head.ts";

/** Why a request is refused; `reason` is for the log and never holds bytes of the client. */
export interface Rejection {
  readonly status: number;
  readonly code: ProxyErrorCode;
  readonly reason: string;
}

/** A request head; reusable, its offsets point into the caller's bytes until the next parse. */
export class RequestHead extends MessageHead {
  /** Case-sensitive, as sent. */
  method = "";
  /** As sent, latin1. */
  target = "";
  /** Raw path of the origin-form, without the query; "*" for `OPTIONS *`. */
  path = "";
  /** Raw query without "?"; "" without one. */
  query = "";
  /** Authority that counts: of an absolute-form target, else of Host; "" when an HTTP/1.0 client sent none. */
  host = "";
  framing: "none" | "length" | "chunked" = "none";
  /** The client waits for 100 before it sends its body; false without a body and on HTTP/1.0. */
  expectContinue = false;
  /** Lower-case value of Upgrade when Connection names it (HTTP/1.1 only), else "". */
  upgrade = "";
  teTrailers = false;
  /** Value of Max-Forwards on OPTIONS, else -1. At 0 the proxy answers itself (RFC 9110 section 7.6.2). */
  maxForwards = -1;
  rejection: Rejection | null = null;
}

/**
 * Parses a request head from bytes[start, end). Returns the bytes consumed, the empty line included; 0 when more
 * are needed (call again with the same bytes and more behind them; the buffer and `start` may have moved); -1 when refused.
 */
export function parseRequestHead(
  _bytes: Buffer,
  _start: number,
  _end: number,
  _limits: HeadLimits,
  _head: RequestHead,
): number {
  throw new Error("pending");
}

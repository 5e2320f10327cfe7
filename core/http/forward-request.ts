import type { RequestHead } from "./request-head.ts";

export interface ForwardContext {
  /** Value of Host towards the backend. */
  readonly authority: string;
  /** Path before the request's path, without a trailing slash; usually "". */
  readonly basePath: string;
  /** Send the client's authority as Host instead. */
  readonly preserveHost: boolean;
  readonly clientIp: string;
  /** Complete value of X-Forwarded-For. */
  readonly forwardedFor: string;
  readonly proto: "http" | "https";
  /** Value of X-Forwarded-Host; "" = none. */
  readonly forwardedHost: string;
  /** Replaces the client's X-Request-ID; "" lets that pass. */
  readonly requestId: string;
  readonly viaName: string;
  /** "" = none, as for lbHostname. */
  readonly lbClientId: string;
  readonly lbHostname: string;
  /** Lower-case name of a field to drop, such as "x-api-key"; "" = none. */
  readonly dropHeader: string;
  /** Protocol to ask the backend for, such as "websocket"; "" drops the client's Upgrade. */
  readonly upgrade: string;
  /** Pass `Expect: 100-continue` on; false when the proxy answers 100 itself. */
  readonly forwardExpect: boolean;
  readonly extra: readonly (readonly [string, string])[];
}

/** Writes the head towards the backend; returns the position after it, or -1 when `out` is too small. */
export function writeRequestHead(
  _head: RequestHead,
  _ctx: ForwardContext,
  _out: Buffer,
  _at: number,
): number {
  throw new Error("pending");
}

/** Tells whether the request has passed through the proxy of that pseudonym (RFC 9110 section 7.6.3). */
export function hasVia(_head: RequestHead, _viaName: string): boolean {
  throw new Error("pending");
}

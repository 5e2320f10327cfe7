import type { ResponseHead } from "./response-head.ts";

export interface ResponseContext {
  /** Minor version of the client. */
  readonly minor: 0 | 1;
  readonly keepAlive: boolean;
  /** How we send the body; for 1xx and 101 "none". */
  readonly framing: "none" | "length" | "chunked" | "close";
  readonly contentLength: number;
  /** The head is a 101 that opens a tunnel. */
  readonly upgrade: boolean;
  /** "" = no Via. */
  readonly viaName: string;
  /** Date when the backend sent none; "" = never add. */
  readonly date: string;
  readonly extra: readonly (readonly [string, string])[];
}

/** Writes the head towards the client; returns the position after it, or -1 when `out` is too small. */
export function writeResponseHead(
  _head: ResponseHead,
  _ctx: ResponseContext,
  _out: Buffer,
  _at: number,
): number {
  throw new Error("pending");
}

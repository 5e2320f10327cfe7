import { type HeadLimits, MessageHead } from "./message-head.ts";

/** A response head of a backend; reusable, its offsets point into the caller's bytes until the next parse. */
export class ResponseHead extends MessageHead {
  status = 0;
  reason = "";
  /** How the body ends; "none" for HEAD, 1xx, 204 and 304. */
  framing: "none" | "length" | "chunked" | "close" = "none";
  /** Lower-case value of Upgrade when Connection names it, else "". */
  upgrade = "";
  isEventStream = false;
  /** 1xx other than 101: another head follows. */
  informational = false;
  /** The backend authenticates the connection, not the request (NTLM, Negotiate): never share the connection. */
  authenticatesConnection = false;
  /** What is wrong after -1, for the log. */
  fault = "";
}

/** Parses a response head; results as of parseRequestHead, -1 for any fault. `requestMethod` as sent to the backend. */
export function parseResponseHead(
  _bytes: Buffer,
  _start: number,
  _end: number,
  _limits: HeadLimits,
  _requestMethod: string,
  _head: ResponseHead,
): number {
  throw new Error("pending");
}

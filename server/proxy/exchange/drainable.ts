import type { Exchange } from "./exchange.ts";

/** An answer before the end of a body up to this size waits for its rest, so that the connection can be kept. */
const DRAIN_BYTES = 65_536;

/** Tells whether the rest of a request's body, whose answer has been given already, is worth waiting for. */
export function isDrainable({ head, body, continued }: Exchange): boolean {
  if (body.fault !== "none" || head.framing !== "length" || head.contentLength > DRAIN_BYTES) return false;
  // A client that waits for 100 may never send the body: nothing tells its next request from it.
  return !head.expectContinue || continued;
}

import type { Exchange } from "../exchange/exchange.ts";

/** Sending these twice is as good as once (RFC 9110 section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

/** Whether a request that was sent and got no answer may be sent once more. */
export function mayResend({ head, body }: Exchange): boolean {
  return body.replayable && IDEMPOTENT.has(head.method);
}

import type { RequestHead } from "../../../core/http/request-head.ts";

/**
 * Protocols that may turn a connection into a tunnel. Never h2c: what follows would be further requests that pass no
 * guard (Go issue 80416).
 */
const PERMITTED: ReadonlySet<string> = new Set(["websocket", "spdy/3.1", "tcp"]);

/** Gives the protocol that the request may be upgraded to, or "" when its Upgrade is to be dropped. */
export function permittedUpgrade(head: RequestHead): string {
  return PERMITTED.has(head.upgrade) ? head.upgrade : "";
}

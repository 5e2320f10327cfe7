import type { Rejection, RequestHead } from "./request-head.ts";

/** Checks a WebSocket handshake (RFC 6455 section 4.2.1); a refusal of 426 needs `Sec-WebSocket-Version: 13`. */
export function checkWebSocketHandshake(_head: RequestHead): Rejection | null {
  throw new Error("pending");
}

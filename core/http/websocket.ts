import { badRequest, type Rejection } from "./rejection.ts";
import type { RequestHead } from "./request-head.ts";

const NOT_GET = badRequest("WebSocket handshake with another method than GET");
const BAD_KEY = badRequest("invalid Sec-WebSocket-Key");
const BAD_VERSION: Rejection = {
  status: 426,
  code: "bad_request",
  reason: "WebSocket version other than 13",
};

/** 16 bytes in base64: 22 digits, of which the last holds two bits, and padding. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/**
 * Checks a WebSocket handshake, a request whose `upgrade` is "websocket" (RFC 6455 section 4.2.1); null when it is
 * sound. A refusal of 426 needs `Sec-WebSocket-Version: 13` in the answer.
 */
export function checkWebSocketHandshake(head: RequestHead): Rejection | null {
  if (head.method !== "GET") return NOT_GET;
  if (head.join("sec-websocket-version") !== "13") return BAD_VERSION;
  return KEY.test(head.join("sec-websocket-key") ?? "") ? null : BAD_KEY;
}

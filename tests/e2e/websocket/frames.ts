/** Frames of the WebSocket protocol as octets, right and wrong (RFC 6455 section 5.2). */

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

export interface FrameOptions {
  readonly fin?: boolean;
  /** The three reserved bits, 4 being RSV1. */
  readonly rsv?: number;
  /** The four octets of the mask; null for none, as a server sends. */
  readonly mask?: Uint8Array | null;
}

const MASK = Uint8Array.from([0x37, 0xfa, 0x21, 0x3d]);

/** Builds one frame; text is UTF-8. */
export function frame(opcode: number, payload: string | Uint8Array = "", options: FrameOptions = {}): Buffer {
  const { fin = true, rsv = 0, mask = MASK } = options;
  const body = Buffer.from(payload);
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const masked = mask === null ? 0 : 0x80;
  if (body.length < 126) head.push(masked | body.length);
  else if (body.length < 65_536) head.push(masked | 126, body.length >> 8, body.length & 0xff);
  else head.push(masked | 127, 0, 0, 0, 0, ...uint32(body.length));
  if (mask !== null) {
    head.push(...mask);
    for (let at = 0; at < body.length; at++) body[at] = (body[at] ?? 0) ^ (mask[at % 4] ?? 0);
  }
  return Buffer.concat([Buffer.from(head), body]);
}

/** Builds a close frame with a code and a reason. */
export function close(code: number, reason: string | Uint8Array = ""): Buffer {
  return frame(CLOSE, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]));
}

function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

/** A handshake that is in order; the lines are appended to it. */
export function handshake(path = "/ws", lines: readonly string[] = []): string {
  return [
    `GET ${path} HTTP/1.1`,
    "Host: t",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${KEY}`,
    ...lines,
    "\r\n",
  ].join("\r\n");
}

/** The example of RFC 6455 section 1.3, and what a server must answer to it. */
export const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
export const SWITCHING = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`;

/** Frames of HTTP/2 (RFC 9113 sections 4 and 6): their names in numbers, and their writing. */

export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PUSH_PROMISE = 5;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

/** Flags; ACK and END_STREAM share a bit. */
export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const WITH_PRIORITY = 0x20;

/** Error codes (section 7). */
export const NO_ERROR = 0;
export const PROTOCOL_ERROR = 1;
export const INTERNAL_ERROR = 2;
export const FLOW_CONTROL_ERROR = 3;
export const STREAM_CLOSED = 5;
export const FRAME_SIZE_ERROR = 6;
export const REFUSED_STREAM = 7;
export const CANCEL = 8;
export const COMPRESSION_ERROR = 9;
export const ENHANCE_YOUR_CALM = 11;

export const FRAME_HEADER_BYTES = 9;
/** Largest payload that a peer must take, and that we take. */
export const MAX_FRAME_BYTES = 16_384;
/** Window of a stream and of a connection before anybody says otherwise (section 6.9.2). */
export const FIRST_WINDOW = 65_535;
export const MAX_WINDOW = 0x7fff_ffff;
export const MAX_STREAM_ID = 0x7fff_ffff;

/** What a client says first (section 3.4). */
export const PREFACE: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Writes the header of a frame; returns the position after it. */
export function writeFrameHeader(
  out: Buffer,
  at: number,
  frame: { readonly length: number; readonly type: number; readonly flags: number; readonly stream: number },
): number {
  out[at] = frame.length >>> 16;
  out[at + 1] = frame.length >>> 8;
  out[at + 2] = frame.length;
  out[at + 3] = frame.type;
  out[at + 4] = frame.flags;
  return out.writeUInt32BE(frame.stream, at + 5);
}

/** Makes a frame whose payload is some 32-bit numbers. */
export function wordFrame(type: number, flags: number, stream: number, words: readonly number[]): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + 4 * words.length);
  let at = writeFrameHeader(frame, 0, { length: 4 * words.length, type, flags, stream });
  for (const word of words) at = frame.writeUInt32BE(word >>> 0, at);
  return frame;
}

/** Makes a frame whose payload is bytes[start, end). */
export function byteFrame(
  type: number,
  flags: number,
  stream: number,
  bytes: Buffer,
  start: number,
  end: number,
): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + end - start);
  const at = writeFrameHeader(frame, 0, { length: end - start, type, flags, stream });
  bytes.copy(frame, at, start, end);
  return frame;
}

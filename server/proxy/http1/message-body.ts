/** The body of a message as HTTP/1.1 frames it (RFC 9112 section 6), the same in both directions. */
import { LAST_CHUNK, lastChunk } from "../../../core/http/chunked.ts";
import type { SendBuffer } from "../net/send-buffer.ts";

/** How the end of a body is seen: at once, after its length, by the last chunk, or by the end of the connection. */
export type Framing = "none" | "length" | "chunked" | "close";

export const NO_TRAILERS: Buffer = Buffer.alloc(0);

/** Adds a piece of a body to what is gathered. */
export function addBody(out: SendBuffer, framing: Framing, bytes: Buffer, start: number, end: number): void {
  if (framing === "chunked") out.addChunk(bytes, start, end);
  else out.add(bytes, start, end);
}

/** Adds the end of a body. */
export function addEnd(out: SendBuffer, framing: Framing, trailers: Buffer): void {
  if (framing !== "chunked") return;
  const last = trailers.length > 0 ? lastChunk(trailers) : LAST_CHUNK;
  out.add(last, 0, last.length);
}

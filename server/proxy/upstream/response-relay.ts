import { LAST_CHUNK, lastChunk } from "../../../core/http/chunked.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import { ChunkDecoder } from "../exchange/chunk-decoder.ts";
import type { SendBuffer } from "../net/send-buffer.ts";
import type { ByteSocket } from "../net/socket.ts";

export type Framing = "none" | "length" | "chunked" | "close";

/** Passes the body of one response to the client: undoes the backend's framing and writes ours. */
export class ResponseRelay {
  /** How the client sees the end of the body. */
  framing: Framing = "none";
  /** The whole body has arrived and was passed on. */
  done = true;
  /** The backend broke the framing: what was passed on is not the whole. */
  broken = false;
  /** The backend sent more than its response: the connection must not be used again. */
  overrun = false;
  bodyBytes = 0;
  #source: Framing = "none";
  #left = 0;
  #trailers = false;
  readonly #decoder = new ChunkDecoder();
  readonly #onWhole: () => void;

  /** `onWhole` is called when the body has arrived whole, before its last bytes go on to the client. */
  constructor(onWhole: () => void) {
    this.#onWhole = onWhole;
  }

  /** Bytes of a body of known length that are still to come; Infinity for others. */
  get remaining(): number {
    return this.#source === "length" ? this.#left : Number.POSITIVE_INFINITY;
  }

  /** Starts with a parsed head. `trailers`: the client takes trailers. */
  begin(response: ResponseHead, clientMinor: 0 | 1, trailers: boolean): void {
    this.#source = response.framing;
    this.framing = clientFraming(response.framing, clientMinor);
    this.#left = response.framing === "length" ? response.contentLength : 0;
    this.done = response.framing === "none" || (response.framing === "length" && this.#left === 0);
    this.broken = false;
    this.overrun = false;
    this.bodyBytes = 0;
    this.#trailers = trailers && this.framing === "chunked";
    if (response.framing === "chunked") this.#decoder.reset();
    if (this.done) this.#onWhole();
  }

  /** Whether the body breaks its framing already in bytes[at, limit), its beginning; call it before any {@link take}. */
  isBrokenIn(bytes: Buffer, at: number, limit: number): boolean {
    if (this.#source !== "chunked") return false;
    const { reader } = this.#decoder;
    let position = at;
    while (position < limit && reader.state === "reading") position = reader.push(bytes, position, limit);
    const isBroken = reader.state === "error";
    reader.reset();
    return isBroken;
  }

  /** Passes bytes[at, limit) of the backend on. */
  take(bytes: Buffer, at: number, limit: number, out: SendBuffer, client: ByteSocket): void {
    if (at === limit || this.broken) return;
    if (this.done) {
      this.overrun = true;
      return;
    }
    if (this.#source === "length") this.#takeLength(bytes, at, limit, out, client);
    else if (this.#source === "close") this.#emit(bytes, at, limit, out, client);
    else this.#takeChunked(bytes, at, limit, out, client);
  }

  /** The backend ended its stream; only a body without framing is complete by that. */
  end(out: SendBuffer, client: ByteSocket): void {
    if (this.done) return;
    if (this.#source !== "close") {
      this.broken = true;
      return;
    }
    this.done = true;
    this.#onWhole();
    if (this.framing === "chunked") out.add(client, LAST_CHUNK, 0, LAST_CHUNK.length);
  }

  #takeLength(bytes: Buffer, at: number, limit: number, out: SendBuffer, client: ByteSocket): void {
    const end = Math.min(limit, at + this.#left);
    this.#left -= end - at;
    this.done = this.#left === 0;
    this.overrun = end < limit;
    if (this.done) this.#onWhole();
    this.#emit(bytes, at, end, out, client);
  }

  #takeChunked(bytes: Buffer, at: number, limit: number, out: SendBuffer, client: ByteSocket): void {
    const decoder = this.#decoder;
    const next = decoder.decode(bytes, at, limit);
    this.done = decoder.reader.state === "done";
    if (this.done) this.#onWhole();
    this.#emit(decoder.bytes, decoder.start, decoder.end, out, client);
    if (decoder.isJoined) client.release(decoder.bytes);
    decoder.release();
    if (decoder.reader.state === "error") {
      this.broken = true;
      return;
    }
    if (!this.done) return;
    this.overrun = next < limit;
    if (this.framing !== "chunked") return;
    const trailers = decoder.reader.trailers;
    const last = this.#trailers && trailers.length > 0 ? lastChunk(trailers) : LAST_CHUNK;
    out.add(client, last, 0, last.length);
  }

  #emit(bytes: Buffer, start: number, end: number, out: SendBuffer, client: ByteSocket): void {
    this.bodyBytes += end - start;
    if (this.framing === "chunked") out.addChunk(client, bytes, start, end);
    else out.add(client, bytes, start, end);
  }
}

/** HTTP/1.0 knows no chunks: there a body of unknown length ends with the connection. */
function clientFraming(source: Framing, clientMinor: 0 | 1): Framing {
  if (source !== "chunked" && source !== "close") return source;
  return clientMinor === 1 ? "chunked" : "close";
}

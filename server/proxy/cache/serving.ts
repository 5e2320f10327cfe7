import { type ByteRange, isNotModified, rangeHolds, rangeOf } from "../../../core/cache/conditions.ts";
import { linesWithout } from "../../../core/cache/lines.ts";
import { ageAt } from "../../../core/cache/reuse.ts";
import type { Entry } from "../../../core/cache/store.ts";
import { parseResponseHead, ResponseHead } from "../../../core/http/response-head.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { HIGH_WATER_BYTES } from "../net/socket.ts";
import type { CacheRequest } from "./request.ts";

const PIECE_BYTES = 65_536;
const NO_TRAILERS: Buffer = Buffer.alloc(0);
/** A stored head was within the limits when it came; what we add is small. */
const LIMITS = { maxHeadBytes: 2 ** 24, maxTargetBytes: 0, maxHeaders: 8192 };
/** Not in a 304, which is about a body that the client has (RFC 9110 section 15.4.5). */
const OF_THE_BODY: ReadonlySet<string> = new Set([
  "content-type",
  "content-encoding",
  "content-language",
  "content-disposition",
  "content-range",
]);

/** Head of the answer under construction: it is sent before anything else can happen. */
const head = new ResponseHead();

/** Sends one stored response to a client, as fast as that takes it. */
export class Serving {
  readonly #exchange: Exchange;
  readonly #body: Buffer;
  #at = 0;
  #end = 0;

  constructor(exchange: Exchange, entry: Entry) {
    this.#exchange = exchange;
    this.#body = entry.body;
  }

  /** Begins with the head; `once` are field lines for this client alone. */
  start(entry: Entry, request: CacheRequest, once: string): void {
    const exchange = this.#exchange;
    exchange.hold();
    const isFound = entry.status === 200;
    const wallMs = Date.now();
    const validators = {
      etag: entry.etag,
      lastModified: entry.lastModified,
      lastModifiedMs: entry.use.lastModifiedMs,
      dateMs: entry.use.dateMs,
    };
    if (isFound && isNotModified(request.ifNoneMatch, request.ifModifiedSince, validators, wallMs)) {
      this.#send(304, "Not Modified", headLines(linesWithout(entry.lines, isOfTheBody), entry, once));
      return;
    }
    const asksForPart = isFound && !request.isHead && request.range !== null;
    const range =
      asksForPart && rangeHolds(request.ifRange, validators)
        ? rangeOf(request.range ?? "", entry.body.length)
        : null;
    if (range === "unsatisfiable") this.#refuseRange(entry);
    else if (range !== null) this.#sendPart(entry, range, once);
    else this.#sendWhole(entry, once);
  }

  /** The client takes more. */
  onDrain(): void {
    this.#pump();
  }

  #sendWhole(entry: Entry, once: string): void {
    const { status, reason, body } = entry;
    const length = status === 204 || status === 205 ? "" : `Content-Length: ${body.length}\r\n`;
    this.#end = this.#exchange.head.method === "HEAD" ? 0 : body.length;
    this.#send(status, reason, headLines(entry.lines, entry, once) + length);
  }

  #sendPart(entry: Entry, { start, end }: ByteRange, once: string): void {
    this.#at = start;
    this.#end = end;
    const part = `Content-Range: bytes ${start}-${end - 1}/${entry.body.length}\r\n`;
    const lines = `${headLines(entry.lines, entry, once)}${part}Content-Length: ${end - start}\r\n`;
    this.#send(206, "Partial Content", lines);
  }

  #refuseRange(entry: Entry): void {
    this.#exchange.answer({
      status: 416,
      headers: [["Content-Range", `bytes */${entry.body.length}`]],
      body: "",
    });
  }

  #send(status: number, reason: string, lines: string): void {
    const exchange = this.#exchange;
    const { client, facts, head: request } = exchange;
    const bytes = Buffer.from(`HTTP/1.1 ${status} ${reason}\r\n${lines}\r\n`, "latin1");
    head.reset();
    const isHead = parseResponseHead(bytes, 0, bytes.length, LIMITS, request.method, head) === bytes.length;
    if (!isHead || !client.begin(head)) {
      exchange.answer({ status: 502, headers: [["Cache-Control", "no-store"]], body: "" }, "bad_gateway");
      return;
    }
    exchange.responding = true;
    facts.answered(status, "");
    this.#pump();
  }

  #pump(): void {
    const exchange = this.#exchange;
    const { client, plane } = exchange;
    while (this.#at < this.#end) {
      const end = Math.min(this.#end, this.#at + PIECE_BYTES);
      const size = end - this.#at;
      client.body(this.#body, this.#at, end);
      this.#at = end;
      exchange.bytesOut += size;
      plane.count("cache_bytes_out", size);
      if (end === this.#end) break;
      client.flush();
      if (client.pendingBytes <= HIGH_WATER_BYTES) continue;
      exchange.arm(plane.options.streamIdleMs);
      return;
    }
    client.endBody(NO_TRAILERS);
    client.flush();
    exchange.completed(true);
  }
}

function isOfTheBody(name: string): boolean {
  return OF_THE_BODY.has(name);
}

function headLines(lines: string, entry: Entry, once: string): string {
  return `${lines}${once}Age: ${Math.floor(ageAt(entry.use, performance.now()) / 1000)}\r\n`;
}

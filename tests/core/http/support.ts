/** What the codec's tests share: reading whole messages, in any segments. */
import { ChunkedReader } from "../../../core/http/chunked.ts";
import type { HeadLimits } from "../../../core/http/message-head.ts";
import { parseRequestHead, RequestHead } from "../../../core/http/request-head.ts";
import { parseResponseHead, ResponseHead } from "../../../core/http/response-head.ts";

export const LIMITS: HeadLimits = { maxHeadBytes: 32_768, maxTargetBytes: 16_384, maxHeaders: 100 };

export function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** Parses a request head that is there in full. */
export function request(text: string, limits: HeadLimits = LIMITS): RequestHead {
  const head = new RequestHead();
  const bytes = latin1(text);
  const consumed = parseRequestHead(bytes, 0, bytes.length, limits, head);
  if (consumed === 0) throw new Error("the head is incomplete");
  return head;
}

/** Status with which a request is refused, or 0 when it is accepted, or -1 when more bytes are needed. */
export function requestStatus(text: string, limits: HeadLimits = LIMITS): number {
  const head = new RequestHead();
  const bytes = latin1(text);
  const consumed = parseRequestHead(bytes, 0, bytes.length, limits, head);
  return consumed === 0 ? -1 : (head.rejection?.status ?? 0);
}

/** Parses a response head; null for a fault. */
export function response(text: string, method = "GET", limits: HeadLimits = LIMITS): ResponseHead | null {
  const head = new ResponseHead();
  const bytes = latin1(text);
  const consumed = parseResponseHead(bytes, 0, bytes.length, limits, method, head);
  if (consumed === 0) throw new Error("the head is incomplete");
  return consumed < 0 ? null : head;
}

export interface ReadBody {
  readonly state: string;
  readonly body: string;
  readonly trailers: string;
  /** Bytes behind the end of the body. */
  readonly rest: string;
}

/** Reads a chunked body that arrives in these segments. */
export function readChunked(
  segments: readonly Buffer[],
  reader: ChunkedReader = new ChunkedReader(),
): ReadBody {
  let body = "";
  let rest = "";
  for (const segment of segments) {
    let at = 0;
    while (at < segment.length && reader.state === "reading") {
      at = reader.push(segment, at, segment.length);
      body += segment.toString("latin1", reader.dataStart, reader.dataEnd);
    }
    rest += segment.toString("latin1", at);
  }
  if (reader.state !== "done") rest = "";
  return { state: reader.state, body, trailers: reader.trailers.toString("latin1"), rest };
}

/** Cuts bytes at the given places, in any order; places outside are ignored. */
export function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const inside = places.filter((place) => place > 0 && place < bytes.length);
  const sorted = [...new Set(inside)].toSorted((left, right) => left - right);
  const segments: Buffer[] = [];
  let start = 0;
  for (const place of [...sorted, bytes.length]) {
    segments.push(bytes.subarray(start, place));
    start = place;
  }
  return segments;
}

export type Parse<H> = (bytes: Buffer, start: number, end: number, head: H) => number;

export const parseRequest: Parse<RequestHead> = (bytes, start, end, head) =>
  parseRequestHead(bytes, start, end, LIMITS, head);

export const parseResponse: Parse<ResponseHead> = (bytes, start, end, head) =>
  parseResponseHead(bytes, start, end, LIMITS, "GET", head);

/** Feeds segments to a head parser as a connection would, each time in a new buffer and at another place in it. */
export function feed<H>(segments: readonly Buffer[], head: H, parse: Parse<H>): number {
  let gathered: Buffer = Buffer.alloc(0);
  let shift = 0;
  for (const segment of segments) {
    gathered = Buffer.concat([gathered, segment]);
    shift = (shift + 5) % 11;
    const moved = Buffer.concat([Buffer.alloc(shift, 0x58), gathered]);
    const result = parse(moved, shift, moved.length, head);
    if (result !== 0) return result;
  }
  return 0;
}

/** Field lines as pairs. */
export function fields(head: RequestHead | ResponseHead): [string, string][] {
  return Array.from({ length: head.count }, (_, index) => [head.name(index), head.value(index)]);
}

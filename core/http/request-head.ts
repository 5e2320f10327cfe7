import { isAuthority } from "./authority.ts";
import { readConnection } from "./connection.ts";
import {
  CONNECTION,
  CONTENT_LENGTH,
  CRITICAL,
  EXPECT,
  FLAGS,
  HOST_FIELD,
  MAX_FORWARDS,
  spells,
  TE,
  TRANSFER_ENCODING,
  UPGRADE,
} from "./field-names.ts";
import { FIELD_FAULTS, FIELD_START, MORE, scanFields, TOO_MANY_FIELDS } from "./field-scan.ts";
import { decimalLength, FramingFields } from "./framing.ts";
import { type HeadLimits, MessageHead } from "./message-head.ts";
import {
  badRequest,
  EXPECTATION_FAILED,
  HEAD_TOO_LARGE,
  type Rejection,
  TOO_MANY_HEADERS,
} from "./rejection.ts";
import { LINE_DONE, scanRequestLine } from "./request-line.ts";

export type { HeadLimits } from "./message-head.ts";
export type { Rejection } from "./rejection.ts";

/** A request head; reusable, its offsets point into the caller's bytes until the next parse. */
export class RequestHead extends MessageHead {
  /** Case-sensitive, as sent. */
  method = "";
  /** As sent, latin1. */
  target = "";
  /** Raw path of the origin-form, without the query; "*" for `OPTIONS *`. */
  path = "";
  /** Raw query without "?"; "" without one. */
  query = "";
  /** Where in `target` the origin-form starts: behind the authority of an absolute-form. */
  originStart = 0;
  /** Authority that counts: of an absolute-form target, else of Host; "" when an HTTP/1.0 client sent none. */
  host = "";
  /** "none" also for a declared length of 0. */
  framing: "none" | "length" | "chunked" = "none";
  /** The client waits for 100 before it sends its body; false without a body and on HTTP/1.0. */
  expectContinue = false;
  /** Lower-case value of Upgrade when Connection names it (HTTP/1.1 only), else "". */
  upgrade = "";
  teTrailers = false;
  /** Value of Max-Forwards on OPTIONS, else -1. At 0 the proxy answers itself (RFC 9110 section 7.6.2). */
  maxForwards = -1;
  rejection: Rejection | null = null;

  /** Forgets everything but the rejection: what is read without a parse before it says nothing of the last request. */
  override reset(): void {
    super.reset();
    this.method = "";
    this.target = "";
    this.path = "";
    this.query = "";
    this.originStart = 0;
    this.host = "";
    this.framing = "none";
    this.expectContinue = false;
    this.upgrade = "";
    this.teTrailers = false;
    this.maxForwards = -1;
  }
}

const NO_HOST = badRequest("no Host");
const TWO_HOSTS = badRequest("more than one Host");
const BAD_HOST = badRequest("invalid Host");
const BAD_CONNECTION = badRequest("invalid Connection");
const UNDERSCORED_FRAMING = badRequest("framing field spelt with an underscore");
const BAD_MAX_FORWARDS = badRequest("invalid Max-Forwards");
const UPGRADE_WITH_BODY = badRequest("WebSocket handshake with a body");

/** Refusals for FIELD_FAULTS, by the same index. */
const FIELD_REJECTIONS: readonly Rejection[] = FIELD_FAULTS.map((fault, index) =>
  index === -TOO_MANY_FIELDS ? TOO_MANY_HEADERS : badRequest(fault),
);

/** Scratch for one parse at a time; a parse never waits between its use. */
const framing = new FramingFields();

/**
 * Parses a request head from bytes[start, end). Returns the bytes consumed, the empty line included; 0 when more
 * are needed (call again with the same bytes and more behind them; the buffer and `start` may have moved); -1 when
 * refused. The result does not depend on how the bytes were cut.
 */
export function parseRequestHead(
  bytes: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  head: RequestHead,
): number {
  if (head.phase === 0) head.rejection = null;
  head.resume(bytes, start);
  const stop = Math.min(end, start + limits.maxHeadBytes);
  if (head.phase < FIELD_START) {
    const line = scanRequestLine(head, bytes, stop, limits);
    if (line === MORE) return wait(head, stop - start, limits);
    if (line !== LINE_DONE) return refuse(head, head.rejection);
  }
  const after = scanFields(head, bytes, stop, limits.maxHeaders);
  if (after === MORE) return wait(head, stop - start, limits);
  if (after < 0) return refuse(head, FIELD_REJECTIONS[-after] ?? null);
  const rejection = interpretRequest(head, false, false);
  return rejection === null ? after - start : refuse(head, rejection);
}

function wait(head: RequestHead, length: number, limits: HeadLimits): number {
  return length < limits.maxHeadBytes ? MORE : refuse(head, HEAD_TOO_LARGE);
}

function refuse(head: RequestHead, rejection: Rejection | null): number {
  head.reset();
  head.rejection = rejection;
  return -1;
}

/**
 * Reads what the fields mean; null when all is well. `hasHost`: the authority is known from elsewhere. `isOpenEnded`: a
 * body without a declared length may follow, whose end is seen otherwise.
 */
export function interpretRequest(
  head: RequestHead,
  hasHost: boolean,
  isOpenEnded: boolean,
): Rejection | null {
  framing.reset();
  head.expectContinue = false;
  head.upgrade = "";
  head.teTrailers = false;
  head.maxForwards = -1;
  let hosts = 0;
  for (let index = 0; index < head.count; index++) {
    const kind = head.kinds[index]!;
    if (kind === 0) continue;
    if (head.isUnderscored(index)) {
      if ((FLAGS[kind]! & CRITICAL) !== 0) return UNDERSCORED_FRAMING;
      continue;
    }
    if (kind === HOST_FIELD) {
      if (++hosts > 1) return TWO_HOSTS;
      const rejection = readHost(head, index);
      if (rejection !== null) return rejection;
    } else if (kind === CONTENT_LENGTH || kind === TRANSFER_ENCODING) {
      framing.read(head, index);
      if (framing.fault !== "") return badRequest(framing.fault);
    } else {
      const rejection = readOption(head, kind, index);
      if (rejection !== null) return rejection;
    }
  }
  if (hosts === 0 && head.minor === 1 && !hasHost) return NO_HOST;
  return settle(head, framing.chunked || (isOpenEnded && framing.length < 0));
}

/** Host must be valid even when the authority of an absolute target counts (RFC 9112 section 3.2). */
function readHost(head: RequestHead, index: number): Rejection | null {
  const host = head.value(index);
  if (!isAuthority(host)) return BAD_HOST;
  if (head.originStart === 0) head.host = host;
  return null;
}

/** Connection, Upgrade, Expect, TE and Max-Forwards. */
function readOption(head: RequestHead, kind: number, index: number): Rejection | null {
  const { bytes } = head;
  const start = head.valueStart[index]!;
  const end = head.valueEnd[index]!;
  switch (kind) {
    case CONNECTION:
      return readConnection(head, index) ? null : BAD_CONNECTION;
    case UPGRADE: {
      const protocol = head.value(index).toLowerCase();
      head.upgrade = head.upgrade === "" ? protocol : `${head.upgrade}, ${protocol}`;
      return null;
    }
    case EXPECT:
      // RFC 9110 section 10.1.1: of an HTTP/1.0 client it is ignored.
      if (head.minor === 0) return null;
      if (!spells(bytes, start, end, "100-continue")) return EXPECTATION_FAILED;
      head.expectContinue = true;
      return null;
    case TE:
      if (listsTrailers(head.value(index))) head.teTrailers = true;
      return null;
    case MAX_FORWARDS:
      if (head.method !== "OPTIONS") return null;
      if (head.maxForwards >= 0) return BAD_MAX_FORWARDS;
      head.maxForwards = decimalLength(bytes, start, end);
      return head.maxForwards < 0 ? BAD_MAX_FORWARDS : null;
    default:
      return null;
  }
}

function settle(head: RequestHead, isChunked: boolean): Rejection | null {
  head.contentLength = framing.length;
  head.framing = isChunked ? "chunked" : framing.length > 0 ? "length" : "none";
  head.keepAlive =
    head.minor === 1 ? !head.connectionClose : head.connectionKeepAlive && !head.connectionClose;
  if (head.framing === "none") head.expectContinue = false;
  // RFC 9110 section 7.8: no upgrade without the connection option, none of HTTP/1.0.
  if (head.minor === 0 || !head.connectionUpgrade) head.upgrade = "";
  if (head.upgrade === "websocket" && head.framing !== "none") return UPGRADE_WITH_BODY;
  return null;
}

function listsTrailers(value: string): boolean {
  return value
    .toLowerCase()
    .split(",")
    .some((item) => item.trim().split(";", 1)[0]?.trim() === "trailers");
}

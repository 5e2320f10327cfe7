import { CLASS, CR, LF, SP, VALUE } from "./byte-class.ts";
import { readConnection } from "./connection.ts";
import {
  CONNECTION,
  CONTENT_LENGTH,
  CONTENT_TYPE,
  CRITICAL,
  DATE,
  FLAGS,
  HOST_FIELD,
  spells,
  TRANSFER_ENCODING,
  UPGRADE,
  WWW_AUTHENTICATE,
} from "./field-names.ts";
import { FIELD_FAULTS, FIELD_START, MORE, scanFields } from "./field-scan.ts";
import { FramingFields } from "./framing.ts";
import { type HeadLimits, MessageHead } from "./message-head.ts";

/** A response head of a backend; reusable, its offsets point into the caller's bytes until the next parse. */
export class ResponseHead extends MessageHead {
  status = 0;
  reason = "";
  /** How the body ends; "none" for HEAD, 1xx, 204, 304 and a declared length of 0. */
  framing: "none" | "length" | "chunked" | "close" = "none";
  /** Lower-case value of Upgrade when Connection names it, else "". */
  upgrade = "";
  isEventStream = false;
  /** 1xx other than 101: another head follows. */
  informational = false;
  /** The backend authenticates the connection, not the request (NTLM, Negotiate): never share the connection. */
  authenticatesConnection = false;
  hasDate = false;
  /** What is wrong after -1, for the log. */
  fault = "";
}

const BEFORE_STATUS_LINE = 0;
const STATUS_LINE = 1;
const STATUS_LF = 2;

/** `HTTP/1.1 200`, the shortest status line: the space behind it may be missing, as some servers send no phrase. */
const SHORTEST_LINE = "HTTP/1.1 200".length;

/** Scratch for one parse at a time; a parse never waits between its use. */
const framing = new FramingFields();

/** Parses a response head; results as of parseRequestHead, -1 for any fault. `requestMethod` as sent to the backend. */
export function parseResponseHead(
  bytes: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  requestMethod: string,
  head: ResponseHead,
): number {
  if (head.phase === 0) head.fault = "";
  head.resume(bytes, start);
  const stop = Math.min(end, start + limits.maxHeadBytes);
  if (head.phase < FIELD_START) {
    scanStatusLine(head, bytes, stop);
    if (head.fault !== "") return refuse(head, head.fault);
    if (head.phase < FIELD_START) return wait(head, stop - start, limits);
  }
  const after = scanFields(head, bytes, stop, limits.maxHeaders);
  if (after === MORE) return wait(head, stop - start, limits);
  if (after < 0) return refuse(head, FIELD_FAULTS[-after] ?? "invalid head");
  const fault = interpretResponse(head, requestMethod);
  return fault === "" ? after - start : refuse(head, fault);
}

function wait(head: ResponseHead, length: number, limits: HeadLimits): number {
  return length < limits.maxHeadBytes ? MORE : refuse(head, "head too large");
}

function refuse(head: ResponseHead, fault: string): number {
  head.reset();
  head.fault = fault;
  return -1;
}

function scanStatusLine(head: ResponseHead, bytes: Buffer, stop: number): void {
  let at = head.cursor;
  while (at < stop && head.phase < FIELD_START && head.fault === "") {
    if (head.phase === BEFORE_STATUS_LINE) {
      head.parts[0] = at;
      head.phase = STATUS_LINE;
    } else if (head.phase === STATUS_LINE) {
      while (at < stop && (CLASS[bytes[at]!]! & VALUE) !== 0) at++;
      if (at < stop) {
        if (bytes[at] !== CR) head.fault = "invalid octet in the status line";
        head.parts[1] = at++;
        head.phase = STATUS_LF;
      }
    } else {
      if (bytes[at++] !== LF) head.fault = "line not ended by CRLF";
      else readStatusLine(head, bytes);
      head.phase = FIELD_START;
    }
  }
  head.scannedBytes += at - head.cursor;
  head.cursor = at;
}

function readStatusLine(head: ResponseHead, bytes: Buffer): void {
  const start = head.parts[0]!;
  const end = head.parts[1]!;
  const minor = bytes[start + 7]! - 0x30;
  const wellFormed =
    end - start >= SHORTEST_LINE &&
    bytes.toString("latin1", start, start + 7) === "HTTP/1." &&
    minor >= 0 &&
    minor <= 9 &&
    bytes[start + 8] === SP &&
    (end - start === SHORTEST_LINE || bytes[start + SHORTEST_LINE] === SP);
  const status = wellFormed ? statusOf(bytes, start + 9) : 0;
  if (status < 100 || status > 599) {
    head.fault = "invalid status line";
    return;
  }
  head.status = status;
  head.minor = minor === 0 ? 0 : 1;
  head.reason = bytes.toString("latin1", Math.min(start + SHORTEST_LINE + 1, end), end);
}

/** Three digits, else 0. */
function statusOf(bytes: Buffer, at: number): number {
  let status = 0;
  for (let index = at; index < at + 3; index++) {
    const digit = bytes[index]! - 0x30;
    if (digit < 0 || digit > 9) return 0;
    status = status * 10 + digit;
  }
  return status;
}

/** Reads what the fields mean; "" when all is well. */
export function interpretResponse(head: ResponseHead, requestMethod: string): string {
  framing.reset();
  head.upgrade = "";
  head.isEventStream = false;
  head.authenticatesConnection = false;
  head.hasDate = false;
  for (let index = 0; index < head.count; index++) {
    const kind = head.kinds[index]!;
    if (kind === 0) continue;
    if (head.isUnderscored(index)) {
      const critical = (FLAGS[kind]! & CRITICAL) !== 0 && kind % 128 !== HOST_FIELD;
      if (critical) return "framing field spelt with an underscore";
    } else if (kind === CONTENT_LENGTH || kind === TRANSFER_ENCODING) {
      framing.read(head, index);
      if (framing.fault !== "") return framing.fault;
    } else if (kind === CONNECTION) {
      if (!readConnection(head, index)) return "invalid Connection";
    } else {
      readField(head, kind, index);
    }
  }
  return settle(head, requestMethod);
}

/** NTLM and Negotiate authenticate a connection, not a request; several challenges may share a line (RFC 9110 section 11.6.1). */
const CONNECTION_SCHEME = /(?:^|,)[ \t]*(?:ntlm|negotiate)(?:[ \t,]|$)/i;

function readField(head: ResponseHead, kind: number, index: number): void {
  if (kind === DATE) head.hasDate = true;
  else if (kind === CONTENT_TYPE) head.isEventStream = isEventStream(head, index);
  else if (kind === UPGRADE) {
    const protocol = head.value(index).toLowerCase();
    head.upgrade = head.upgrade === "" ? protocol : `${head.upgrade}, ${protocol}`;
  } else if (kind === WWW_AUTHENTICATE && CONNECTION_SCHEME.test(head.value(index))) {
    head.authenticatesConnection = true;
  }
}

/** RFC 9112 section 6.3, in its order; a message that ends with the connection, or is wrong, ends its reuse. */
function settle(head: ResponseHead, requestMethod: string): string {
  const { status } = head;
  head.contentLength = framing.length;
  head.informational = status < 200 && status !== 101;
  if (!head.connectionUpgrade) head.upgrade = "";
  if (status === 101 && head.upgrade === "") return "101 without Upgrade";
  head.keepAlive = head.minor === 1 && !head.connectionClose;
  if (status < 200 || status === 204) {
    // RFC 9110 section 8.6, RFC 9112 section 6.1: such a response declares no body; whoever does may send one.
    if (framing.chunked || framing.length > 0) head.keepAlive = false;
    head.framing = "none";
  } else if (requestMethod === "HEAD" || status === 304) head.framing = "none";
  else if (framing.chunked) head.framing = "chunked";
  else if (framing.length >= 0) head.framing = framing.length > 0 ? "length" : "none";
  else {
    head.framing = "close";
    head.keepAlive = false;
  }
  return "";
}

/** `text/event-stream`, with or without parameters. */
function isEventStream(head: ResponseHead, index: number): boolean {
  const start = head.valueStart[index]!;
  const end = Math.min(head.valueEnd[index]!, start + EVENT_STREAM.length);
  if (!spells(head.bytes, start, end, EVENT_STREAM)) return false;
  const next = head.bytes[end];
  return end === head.valueEnd[index] || next === 0x3b || next === SP;
}

const EVENT_STREAM = "text/event-stream";

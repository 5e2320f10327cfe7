/** The request line (RFC 9112 section 3): its scan, and the four forms of a target. */
import { isAuthority } from "./authority.ts";
import { CLASS, CR, LF, SP, TARGET, TOKEN } from "./byte-class.ts";
import { FIELD_START, MORE } from "./field-scan.ts";
import type { HeadLimits } from "./message-head.ts";
import {
  badRequest,
  METHOD_NOT_IMPLEMENTED,
  type Rejection,
  URI_TOO_LONG,
  VERSION_NOT_SUPPORTED,
} from "./rejection.ts";
import type { RequestHead } from "./request-head.ts";

/** Results of the scan beside MORE (0). */
export const LINE_DONE = 1;
const LINE_REJECTED = -1;

const BEFORE_METHOD = 0;
const LEADING_LF = 1;
const METHOD = 2;
const IN_TARGET = 3;
const VERSION = 4;
const LINE_LF = 5;

/** Longer than any registered method. */
export const MAX_METHOD_BYTES = 64;
const VERSION_BYTES = "HTTP/1.1".length;

const BAD_METHOD = badRequest("invalid method");
const BAD_TARGET = badRequest("invalid octet in the target");
const BAD_VERSION = badRequest("invalid HTTP version");
const BAD_LINE = badRequest("request line not ended by CRLF");
const BAD_FORM = badRequest("target form not allowed for the method");
const BAD_ABSOLUTE = badRequest("invalid absolute target");
const BACKSLASH_IN_PATH = badRequest("backslash in the path");

/** Parts of the start line in head.parts. */
const METHOD_AT = 0;
const METHOD_END = 1;
const TARGET_AT = 2;
const TARGET_END = 3;
const VERSION_AT = 4;

/** Scans the request line from head.cursor to `stop`; one CRLF before it is skipped (RFC 9112 section 2.2). */
export function scanRequestLine(head: RequestHead, bytes: Buffer, stop: number, limits: HeadLimits): number {
  const { parts } = head;
  let at = head.cursor;
  while (at < stop && head.phase < FIELD_START) {
    switch (head.phase) {
      case BEFORE_METHOD:
        if (bytes[at] === CR) {
          head.phase = LEADING_LF;
          at++;
          break;
        }
        parts[METHOD_AT] = at;
        head.phase = METHOD;
        break;
      case LEADING_LF:
        if (bytes[at++] !== LF) return reject(head, BAD_LINE);
        parts[METHOD_AT] = at;
        head.phase = METHOD;
        break;
      case METHOD:
        while (at < stop && (CLASS[bytes[at]!]! & TOKEN) !== 0) at++;
        if (at - parts[METHOD_AT]! > MAX_METHOD_BYTES) return reject(head, BAD_METHOD);
        if (at === stop) break;
        if (bytes[at] !== SP || at === parts[METHOD_AT]) return reject(head, BAD_METHOD);
        parts[METHOD_END] = at++;
        parts[TARGET_AT] = at;
        head.phase = IN_TARGET;
        break;
      case IN_TARGET:
        while (at < stop && (CLASS[bytes[at]!]! & TARGET) !== 0) at++;
        if (at - parts[TARGET_AT]! > limits.maxTargetBytes) return reject(head, URI_TOO_LONG);
        if (at === stop) break;
        if (bytes[at] !== SP || at === parts[TARGET_AT]) return reject(head, BAD_TARGET);
        parts[TARGET_END] = at++;
        parts[VERSION_AT] = at;
        head.phase = VERSION;
        break;
      case VERSION:
        at = skipVersion(bytes, at, stop);
        if (at - parts[VERSION_AT]! > VERSION_BYTES) return reject(head, BAD_VERSION);
        if (at === stop) break;
        if (bytes[at++] !== CR) return reject(head, BAD_VERSION);
        head.phase = LINE_LF;
        break;
      default:
        if (bytes[at++] !== LF) return reject(head, BAD_LINE);
        head.phase = FIELD_START;
    }
  }
  head.scannedBytes += at - head.cursor;
  head.cursor = at;
  return head.phase < FIELD_START ? MORE : readRequestLine(head, bytes);
}

function readRequestLine(head: RequestHead, bytes: Buffer): number {
  const { parts } = head;
  if (!readVersion(head, bytes, parts[VERSION_AT]!, head.cursor - 2)) return LINE_REJECTED;
  const method = methodText(bytes, parts[METHOD_AT]!, parts[METHOD_END]!);
  const target = bytes.toString("latin1", parts[TARGET_AT], parts[TARGET_END]);
  const rejection = readTarget(head, method, target);
  return rejection === null ? LINE_DONE : reject(head, rejection);
}

/** Sets what a method and a target, of octets that are allowed in them, mean to a head; null when all is well. */
export function readTarget(head: RequestHead, method: string, target: string): Rejection | null {
  if (method === "CONNECT" || method === "TRACE") return METHOD_NOT_IMPLEMENTED;
  head.method = method;
  head.target = target;
  head.host = "";
  head.originStart = 0;
  if (target.charCodeAt(0) !== 0x2f) {
    if (target === "*") {
      if (method !== "OPTIONS") return BAD_FORM;
    } else if (!readAbsolute(head)) {
      return BAD_ABSOLUTE;
    }
  }
  readPath(head);
  // Some peers take "\" for "/": a path that holds one means different things to different parsers.
  return head.path.includes("\\") ? BACKSLASH_IN_PATH : null;
}

/** Only "HTTP/" in capitals and one digit each; 1.2 to 1.9 speak 1.1 (RFC 9110 section 2.5). */
function readVersion(head: RequestHead, bytes: Buffer, start: number, end: number): boolean {
  const major = bytes[start + 5]! - 0x30;
  const minor = bytes[start + 7]! - 0x30;
  const wellFormed =
    end - start === VERSION_BYTES &&
    bytes.toString("latin1", start, start + 5) === "HTTP/" &&
    bytes[start + 6] === 0x2e &&
    major >= 0 &&
    major <= 9 &&
    minor >= 0 &&
    minor <= 9;
  if (!wellFormed || major !== 1) {
    head.rejection = wellFormed ? VERSION_NOT_SUPPORTED : BAD_VERSION;
    return false;
  }
  head.minor = minor === 0 ? 0 : 1;
  return true;
}

/** `http://host[:port][/path][?query]`: the authority counts instead of Host (RFC 9112 section 3.2.2). */
function readAbsolute(head: RequestHead): boolean {
  const { target } = head;
  const scheme = target.slice(0, 8).toLowerCase();
  const authorityStart = scheme.startsWith("http://") ? 7 : scheme === "https://" ? 8 : -1;
  if (authorityStart < 0) return false;
  let end = authorityStart;
  while (end < target.length && target[end] !== "/" && target[end] !== "?") end++;
  head.host = target.slice(authorityStart, end);
  head.originStart = end;
  return isAuthority(head.host);
}

/** Splits the origin-form; an absolute target without a path means "/", or "*" on OPTIONS (RFC 9112 section 3.2.4). */
function readPath(head: RequestHead): void {
  const { target, originStart } = head;
  const question = target.indexOf("?", originStart);
  const pathEnd = question < 0 ? target.length : question;
  head.query = question < 0 ? "" : target.slice(question + 1);
  if (pathEnd > originStart) head.path = target.slice(originStart, pathEnd);
  else head.path = head.method === "OPTIONS" && question < 0 ? "*" : "/";
}

function skipVersion(bytes: Buffer, start: number, stop: number): number {
  let at = start;
  while (at < stop && ((CLASS[bytes[at]!]! & TOKEN) !== 0 || bytes[at] === 0x2f)) at++;
  return at;
}

/** The usual methods without making a string. */
function methodText(bytes: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length === 3) {
    if (bytes[start] === 0x47 && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54) return "GET";
    if (bytes[start] === 0x50 && bytes[start + 1] === 0x55 && bytes[start + 2] === 0x54) return "PUT";
  }
  return bytes.toString("latin1", start, end);
}

function reject(head: RequestHead, rejection: Rejection): number {
  head.rejection = rejection;
  return LINE_REJECTED;
}

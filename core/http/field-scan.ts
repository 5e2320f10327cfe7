/** The scan over field lines (RFC 9112 section 5), shared by requests, responses and trailers. */
import { CLASS, COLON, CR, LF, SP, TAB, TOKEN, VALUE } from "./byte-class.ts";
import type { MessageHead } from "./message-head.ts";

/** Phases of the scan over fields; start lines use 1 to 15. */
export const FIELD_START = 16;
const NAME = 17;
const BEFORE_VALUE = 18;
const FIELD_VALUE = 19;
const FIELD_LF = 20;
const FINAL_LF = 21;

/** Results other than a position: more bytes are needed, or what is wrong. */
export const MORE = 0;
const BAD_NAME = -1;
const BAD_VALUE = -2;
const BAD_LINE_END = -3;
export const TOO_MANY_FIELDS = -4;
const BAD_FOLD = -5;

/** What the results below zero mean, by their absolute value. */
export const FIELD_FAULTS = [
  "",
  "invalid field name",
  "invalid octet in a field value",
  "line not ended by CRLF",
  "too many fields",
  "folded field line",
] as const;

/**
 * Scans field lines up to the empty line, from head.cursor to `stop`, and records them in the head.
 * Every octet is looked at once, also when the bytes come one at a time: the phases run in order and the scan
 * resumes at the one where the bytes ended.
 * Returns the position after the empty line, MORE, or a fault. No octet is skipped or repaired: bare CR or LF,
 * whitespace before the colon and folded lines are faults (stricter than RFC 9112 sections 2.2 and 5.2 demand).
 */
export function scanFields(head: MessageHead, bytes: Buffer, stop: number, maxFields: number): number {
  let { phase, cursor: at } = head;
  while (at < stop) {
    if (phase === FIELD_START) {
      if (bytes[at] === CR) {
        at++;
        phase = FINAL_LF;
      } else {
        const fault = beginField(head, bytes, at, maxFields);
        if (fault !== MORE) return fault;
        phase = NAME;
      }
    }
    if (phase === NAME) {
      while (at < stop && (CLASS[bytes[at]!]! & TOKEN) !== 0) at++;
      if (at === stop) break;
      if (bytes[at] !== COLON) return BAD_NAME;
      head.nameEnd[head.count] = at++;
      phase = BEFORE_VALUE;
    }
    if (phase === BEFORE_VALUE) {
      while (at < stop && (bytes[at] === SP || bytes[at] === TAB)) at++;
      if (at === stop) break;
      head.valueStart[head.count] = at;
      phase = FIELD_VALUE;
    }
    if (phase === FIELD_VALUE) {
      while (at < stop && (CLASS[bytes[at]!]! & VALUE) !== 0) at++;
      if (at === stop) break;
      if (bytes[at] !== CR) return bytes[at] === LF ? BAD_LINE_END : BAD_VALUE;
      head.valueEnd[head.count] = trimmedEnd(bytes, head.valueStart[head.count]!, at++);
      phase = FIELD_LF;
    }
    if (at === stop) break;
    if (bytes[at++] !== LF) return BAD_LINE_END;
    if (phase === FINAL_LF) return finish(head, at);
    head.endField();
    phase = FIELD_START;
  }
  head.phase = phase;
  head.scannedBytes += at - head.cursor;
  head.cursor = at;
  return MORE;
}

function beginField(head: MessageHead, bytes: Buffer, at: number, maxFields: number): number {
  const octet = bytes[at]!;
  if (octet === SP || octet === TAB) return BAD_FOLD;
  if ((CLASS[octet]! & TOKEN) === 0) return octet === LF ? BAD_LINE_END : BAD_NAME;
  if (head.count >= maxFields) return TOO_MANY_FIELDS;
  if (head.count >= head.nameStart.length) head.growFields();
  head.nameStart[head.count] = at;
  return MORE;
}

function finish(head: MessageHead, at: number): number {
  head.scannedBytes += at - head.cursor;
  head.cursor = at;
  head.end = at;
  head.phase = 0;
  return at;
}

function trimmedEnd(bytes: Buffer, start: number, end: number): number {
  let last = end;
  while (last > start && (bytes[last - 1] === SP || bytes[last - 1] === TAB)) last--;
  return last;
}

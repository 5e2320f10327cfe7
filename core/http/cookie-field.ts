/** Cookies of a request (RFC 6265 section 4.2): ours is taken out, the client's others stay as they are. */
import { COOKIE, TAKEN } from "./field-names.ts";
import type { MessageHead } from "./message-head.ts";

const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const SPACE = 0x20;
const TAB = 0x09;

/**
 * Gives the value of the first cookie of a name, "" without one, and takes all of that name out of the head: the others
 * move together in its bytes, and a field that held nothing else goes altogether. Names are case-sensitive.
 */
export function takeCookie(head: MessageHead, name: Buffer): string {
  let value: string | null = null;
  for (let index = 0; index < head.count; index++) {
    if (head.kinds[index] !== COOKIE) continue;
    const { bytes } = head;
    const start = head.valueStart[index]!;
    const end = head.valueEnd[index]!;
    if (!bytes.subarray(start, end).includes(name)) continue;
    const taken = takeFrom(bytes, start, end, name);
    if (taken.value === null) continue;
    value ??= taken.value;
    // What is left of the line is whitespace behind the value, which is no part of it (RFC 9112 section 5).
    bytes.fill(SPACE, taken.end, end);
    head.valueEnd[index] = taken.end;
    if (taken.end === start) head.kinds[index] = TAKEN;
  }
  return value ?? "";
}

/** Moves the pairs of bytes[start, end) together that do not have the name; says where they end, and what was taken. */
function takeFrom(
  bytes: Buffer,
  start: number,
  end: number,
  name: Buffer,
): { readonly value: string | null; readonly end: number } {
  let value: string | null = null;
  let keptEnd = start;
  for (let from = start; from <= end; ) {
    const semicolon = bytes.indexOf(SEMICOLON, from);
    const to = semicolon < 0 || semicolon > end ? end : semicolon;
    const first = skipSpace(bytes, from, to);
    if (isNamed(bytes, first, to, name)) {
      value ??= bytes.toString("latin1", first + name.length + 1, trimEnd(bytes, first, to));
    } else {
      if (keptEnd > start) bytes[keptEnd++] = SEMICOLON;
      // The first one that stays has no separator before it.
      const begin = keptEnd === start ? first : from;
      bytes.copy(bytes, keptEnd, begin, to);
      keptEnd += to - begin;
    }
    from = to + 1;
  }
  return { value, end: trimEnd(bytes, start, keptEnd) };
}

function isNamed(bytes: Buffer, start: number, end: number, name: Buffer): boolean {
  const equals = start + name.length;
  return equals < end && bytes[equals] === EQUALS && bytes.compare(name, 0, name.length, start, equals) === 0;
}

function skipSpace(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && isSpace(bytes[at]!)) at++;
  return at;
}

function trimEnd(bytes: Buffer, start: number, end: number): number {
  let at = end;
  while (at > start && isSpace(bytes[at - 1]!)) at--;
  return at;
}

function isSpace(octet: number): boolean {
  return octet === SPACE || octet === TAB;
}

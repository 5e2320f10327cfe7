/** Looks for a few members of a JSON object (RFC 8259) without parsing all of it. */

export type JsonScalar = string | number;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const MAX_DEPTH = 512;
const MAX_STRING_BYTES = 1024;
const MAX_LITERAL_BYTES = 1024;
const NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

/** Results of a step other than a position. */
const CUT = -1;
const MALFORMED = -2;

/**
 * Finds top-level string and number members of a JSON object of which `prefix` may be only the beginning. The last
 * complete member of a name counts, as with JSON.parse; a member of another type, or a string above 1 KiB, counts
 * as absent. What is seen to be no JSON object gives none at all; inside other members only strings and brackets
 * are checked.
 */
export function scanTopLevel(prefix: Uint8Array, names: readonly string[]): Map<string, JsonScalar> {
  const found = new Map<string, JsonScalar>();
  const end = scanObject(prefix, names, found);
  const complete = end >= 0 && skipSpace(prefix, end) === prefix.length;
  return complete || end === CUT ? found : new Map<string, JsonScalar>();
}

function scanObject(bytes: Uint8Array, names: readonly string[], found: Map<string, JsonScalar>): number {
  let at = skipSpace(bytes, 0);
  if (at >= bytes.length) return CUT;
  if (bytes[at] !== OPEN_BRACE) return MALFORMED;
  at = skipSpace(bytes, at + 1);
  if (bytes[at] === CLOSE_BRACE) return at + 1;
  while (at < bytes.length) {
    at = scanMember(bytes, at, names, found);
    if (at < 0) return at;
    const separator = bytes[at];
    if (separator === CLOSE_BRACE) return at + 1;
    if (separator !== undefined && separator !== COMMA) return MALFORMED;
    at = skipSpace(bytes, at + 1);
  }
  return CUT;
}

/** One member and the space behind it; returns where "," or "}" stands. */
function scanMember(
  bytes: Uint8Array,
  start: number,
  names: readonly string[],
  found: Map<string, JsonScalar>,
): number {
  if (bytes[start] !== QUOTE) return MALFORMED;
  const nameEnd = skipString(bytes, start);
  if (nameEnd < 0) return nameEnd;
  const colon = skipSpace(bytes, nameEnd);
  if (colon >= bytes.length) return CUT;
  if (bytes[colon] !== COLON) return MALFORMED;
  const valueStart = skipSpace(bytes, colon + 1);
  const valueEnd = skipValue(bytes, valueStart);
  if (valueEnd < 0) return valueEnd;
  const name = decodeString(bytes, start, nameEnd);
  if (name === undefined) return MALFORMED;
  if (name !== null && names.includes(name)) {
    const value = decodeScalar(bytes, valueStart, valueEnd);
    if (value === undefined) return MALFORMED;
    if (value === null) found.delete(name);
    else found.set(name, value);
  }
  return skipSpace(bytes, valueEnd);
}

function skipSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  while (isSpace(bytes[at])) at++;
  return at;
}

function isSpace(octet: number | undefined): boolean {
  return octet === SP || octet === LF || octet === CR || octet === TAB;
}

/** From the opening quote to behind the closing one. */
function skipString(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    const octet = bytes[at]!;
    if (octet === QUOTE) return at + 1;
    if (octet === BACKSLASH) at++;
    else if (octet < SP) return MALFORMED;
  }
  return CUT;
}

function skipValue(bytes: Uint8Array, start: number): number {
  const first = bytes[start];
  if (first === undefined) return CUT;
  if (first === QUOTE) return skipString(bytes, start);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipNested(bytes, start);
  return skipLiteral(bytes, start);
}

/** Numbers, true, false and null; one that the cut may have shortened is not complete. */
function skipLiteral(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && !endsLiteral(bytes[at]!)) at++;
  if (at === start || at - start > MAX_LITERAL_BYTES) return MALFORMED;
  if (at === bytes.length) return CUT;
  const text = latin1(bytes, start, at);
  return text === "true" || text === "false" || text === "null" || NUMBER.test(text) ? at : MALFORMED;
}

function endsLiteral(octet: number): boolean {
  return octet === COMMA || octet === CLOSE_BRACE || octet === CLOSE_BRACKET || isSpace(octet);
}

function isDigit(octet: number): boolean {
  return octet >= 0x30 && octet <= 0x39;
}

/** An object or array with all that is in it; brackets must pair, down to a depth far beyond real documents. */
function skipNested(bytes: Uint8Array, start: number): number {
  const closers = new Uint8Array(MAX_DEPTH);
  let depth = 0;
  for (let at = start; at < bytes.length; at++) {
    const octet = bytes[at]!;
    if (octet === QUOTE) {
      const end = skipString(bytes, at);
      if (end < 0) return end;
      at = end - 1;
    } else if (octet === OPEN_BRACE || octet === OPEN_BRACKET) {
      if (depth === MAX_DEPTH) return MALFORMED;
      // Either closing bracket is two above its opening one in ASCII.
      closers[depth++] = octet + 2;
    } else if (octet === CLOSE_BRACE || octet === CLOSE_BRACKET) {
      if (closers[--depth] !== octet) return MALFORMED;
      if (depth === 0) return at + 1;
    }
  }
  return CUT;
}

/** A scalar's value; null for other types and strings that are too long, undefined for what JSON.parse would refuse. */
function decodeScalar(bytes: Uint8Array, start: number, end: number): JsonScalar | null | undefined {
  const first = bytes[start]!;
  if (first === QUOTE) return decodeString(bytes, start, end);
  if (first !== 0x2d && !isDigit(first)) return null;
  const value = Number(latin1(bytes, start, end));
  return Number.isFinite(value) ? value : null;
}

function decodeString(bytes: Uint8Array, start: number, end: number): string | null | undefined {
  if (end - start > MAX_STRING_BYTES) return null;
  const text = UTF8.decode(bytes.subarray(start, end));
  if (!text.includes("\\")) return text.slice(1, -1);
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end));
}

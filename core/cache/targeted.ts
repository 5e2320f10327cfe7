/** CDN-Cache-Control (RFC 9213): a dictionary of Structured Fields (RFC 9651) that replaces Cache-Control and Expires. */
import type { Directives } from "./directives.ts";

const KEY = /[a-z*][a-z0-9_\-.*]*/y;
const INTEGER = /-?\d{1,15}(?![\d.])/y;
const STRING = /"((?:[ !#-[\]-~]|\\["\\])*)"/y;
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/y;
const BOOLEAN = /\?[01]/y;
const SPACES = /[ \t]*/y;

/** What must be a whole number. */
const NUMBERS: ReadonlySet<string> = new Set([
  "max-age",
  "s-maxage",
  "stale-while-revalidate",
  "stale-if-error",
]);

/** Reads the value; null when it is empty, malformed, or has a directive of the wrong type: then it does not count. */
export function parseTargeted(text: string): Directives | null {
  const found = new Map<string, string | null>();
  const reader = new Reader(text.trim());
  while (!reader.isAtEnd) {
    const key = reader.take(KEY);
    if (key === null) return null;
    const value = reader.skip("=") ? itemValue(reader, key) : null;
    if (value === undefined || !skipParameters(reader)) return null;
    if (value === null && NUMBERS.has(key)) return null;
    if (value === FALSE) found.delete(key);
    else found.set(key, value);
    reader.take(SPACES);
    if (reader.isAtEnd) break;
    if (!reader.skip(",")) return null;
    reader.take(SPACES);
    // A comma at the end is malformed (RFC 9651 section 4.2.2).
    if (reader.isAtEnd) return null;
  }
  return found.size === 0 ? null : found;
}

const FALSE = "?0";

/** Text of an item; null for true, undefined for what is none or of a type that the key does not take. */
function itemValue(reader: Reader, key: string): string | null | undefined {
  const integer = reader.take(INTEGER);
  if (integer !== null) return integer;
  if (NUMBERS.has(key)) return undefined;
  const boolean = reader.take(BOOLEAN);
  if (boolean !== null) return boolean === FALSE ? FALSE : null;
  const string = reader.take(STRING);
  if (string !== null) return string.slice(1, -1).replaceAll(/\\(.)/g, "$1");
  return reader.take(TOKEN) ?? undefined;
}

function skipParameters(reader: Reader): boolean {
  while (reader.skip(";")) {
    reader.take(SPACES);
    const key = reader.take(KEY);
    if (key === null || (reader.skip("=") && itemValue(reader, "") === undefined)) return false;
  }
  return true;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Takes what the sticky pattern matches here; null when it matches nothing. */
  take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return null;
    this.#at = pattern.lastIndex;
    return match[0];
  }

  skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }
}

/** Fields to header blocks (RFC 7541 section 6), without a dynamic table. */
import { huffmanEncode, huffmanLength } from "./huffman.ts";
import { MAX_INTEGER_BYTES, writeInteger } from "./integer.ts";
import { STATIC_BYTES, STATIC_END, STATIC_FIELDS, STATIC_VALUE_AT, staticName } from "./static-table.ts";

const INDEXED = 0x80;
const NEVER_INDEXED = 0x10;
const HUFFMAN = 0x80;
/** "The dynamic table has no room": to be written at the start of the first block of a connection. */
export const NO_TABLE = 0x20;
/** An index, two lengths: what a field takes at most beside its octets. */
const FIELD_BYTES = 3 * MAX_INTEGER_BYTES;

/** How many octets {@link encodeField} may write for a field of that many. */
export function fieldBound(octets: number): number {
  return octets + FIELD_BYTES;
}

/**
 * Writes a field; returns the position after it. The name must be in lower case. We keep no dynamic table: it would save
 * octets on the wire, but cost memory and time per connection, and its state could tell an attacker about secrets. A
 * `secret` value is marked so that no intermediary keeps it in a table of its own either (section 7.1.3).
 */
export function encodeField(
  name: Uint8Array,
  value: Uint8Array,
  secret: boolean,
  out: Uint8Array,
  at: number,
): number {
  const index = staticName(name, 0, name.length);
  const same = secret ? 0 : staticField(index, value);
  if (same > 0) return writeInteger(out, at, INDEXED, 7, same);
  let position = writeInteger(out, at, secret ? NEVER_INDEXED : 0, 4, index);
  if (index === 0) position = writeString(name, out, position);
  return writeString(value, out, position);
}

/** The static entry with that name and value; a name's entries are neighbours. */
function staticField(first: number, value: Uint8Array): number {
  if (first === 0) return 0;
  const name = STATIC_FIELDS[first - 1]?.[0];
  for (let index = first; STATIC_FIELDS[index - 1]?.[0] === name; index++) {
    const start = STATIC_VALUE_AT[index];
    const end = STATIC_END[index];
    if (start !== end && STATIC_BYTES.compare(value, 0, value.length, start, end) === 0) return index;
  }
  return 0;
}

function writeString(bytes: Uint8Array, out: Uint8Array, at: number): number {
  const coded = huffmanLength(bytes, 0, bytes.length);
  if (coded < bytes.length) {
    return huffmanEncode(bytes, 0, bytes.length, out, writeInteger(out, at, HUFFMAN, 7, coded));
  }
  const position = writeInteger(out, at, 0, 7, bytes.length);
  out.set(bytes, position);
  return position + bytes.length;
}

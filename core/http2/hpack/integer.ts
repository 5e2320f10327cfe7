/** Integers of HPACK (RFC 7541 section 5.1): the low bits of an octet, then as many octets as it takes. */

/** Far above every length that a header block may hold, far below what overflows. */
const MAX_INTEGER = 0x0fff_ffff;

/** Reads integers one after the other out of a header block. */
export class IntegerReader {
  /** The integer that was read last. */
  value = 0;

  /** Reads one whose prefix has `bits` bits at bytes[at]; returns the position after it, or -1 if it is cut off or too large. */
  read(bytes: Uint8Array, at: number, end: number, bits: number): number {
    if (at >= end) return -1;
    const most = (1 << bits) - 1;
    this.value = bytes[at]! & most;
    if (this.value < most) return at + 1;
    let position = at + 1;
    for (let shift = 0; position < end; shift += 7) {
      const octet = bytes[position++]!;
      this.value += (octet & 0x7f) * 2 ** shift;
      if (this.value > MAX_INTEGER) return -1;
      if ((octet & 0x80) === 0) return position;
    }
    return -1;
  }
}

/** Longest integer that {@link writeInteger} writes, in octets. */
export const MAX_INTEGER_BYTES = 6;

/** Writes an integer behind the flags of `first`, whose low `bits` bits are free; returns the position after it. */
export function writeInteger(
  out: Uint8Array,
  at: number,
  first: number,
  bits: number,
  value: number,
): number {
  const most = (1 << bits) - 1;
  if (value < most) {
    out[at] = first | value;
    return at + 1;
  }
  out[at] = first | most;
  let position = at + 1;
  let rest = value - most;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out[position++] = (rest & 0x7f) | 0x80;
  out[position++] = rest;
  return position;
}

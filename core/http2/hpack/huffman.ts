/** The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B). */

/**
 * Bits of the code of each octet and, last, of EOS. The code is canonical: codes of a length are consecutive, in the order
 * of their octets, so that the lengths say all.
 */
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const EOS = 256;
const CODES = canonicalCodes();
const CODE_BITS = Uint8Array.from(LENGTHS);

/** One step of decoding takes four bits: at most one octet ends within them, as no code is shorter than five. */
const NIBBLES = 16;
/** Next state, by state and nibble. */
const NEXT = new Uint16Array(256 * NIBBLES);
/** Octet that ends in the step, or NO_OCTET, or BROKEN for EOS within a string. */
const OCTET = new Uint16Array(256 * NIBBLES);
const NO_OCTET = 0x100;
const BROKEN = 0x101;
/** Whether a string may end in the state: up to seven bits of padding, all ones. */
const MAY_END = new Uint8Array(256);
buildStates();

/** How long bytes[start, end) get when they are coded, in octets. */
export function huffmanLength(bytes: Uint8Array, start: number, end: number): number {
  let bits = 0;
  for (let at = start; at < end; at++) bits += CODE_BITS[bytes[at]!]!;
  return Math.ceil(bits / 8);
}

/** Codes bytes[start, end) into `out`, which must have room for {@link huffmanLength}; returns the position after them. */
export function huffmanEncode(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
): number {
  let position = at;
  let pending = 0;
  let bits = 0;
  for (let index = start; index < end; index++) {
    const octet = bytes[index]!;
    let length = CODE_BITS[octet]!;
    const code = CODES[octet]!;
    // In two parts, so that no more than 31 bits are pending.
    if (length > 16) {
      length -= 16;
      pending = (pending << length) | (code >>> 16);
      bits += length;
      for (; bits >= 8; bits -= 8) out[position++] = pending >>> (bits - 8);
      pending &= (1 << bits) - 1;
      pending = (pending << 16) | (code & 0xffff);
      bits += 16;
    } else {
      pending = (pending << length) | code;
      bits += length;
    }
    for (; bits >= 8; bits -= 8) out[position++] = pending >>> (bits - 8);
    pending &= (1 << bits) - 1;
  }
  if (bits > 0) out[position++] = (pending << (8 - bits)) | (0xff >>> bits);
  return position;
}

/**
 * Decodes bytes[start, end) into `out`, which must have room for 8/5 of their length; returns the position after what was
 * decoded, or -1 when the string is broken: EOS in it, padding that is longer than 7 bits or not all ones.
 */
export function huffmanDecode(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
): number {
  let position = at;
  let state = 0;
  for (let index = start; index < end; index++) {
    const octet = bytes[index]!;
    for (let shift = 4; shift >= 0; shift -= 4) {
      const step = state * NIBBLES + ((octet >>> shift) & 15);
      const ended = OCTET[step]!;
      if (ended < NO_OCTET) out[position++] = ended;
      else if (ended === BROKEN) return -1;
      state = NEXT[step]!;
    }
  }
  return MAY_END[state] === 1 ? position : -1;
}

function canonicalCodes(): Uint32Array {
  const codes = new Uint32Array(LENGTHS.length);
  const symbols = LENGTHS.map((_, symbol) => symbol).toSorted((a, b) => LENGTHS[a]! - LENGTHS[b]! || a - b);
  let code = 0;
  let length = 0;
  for (const symbol of symbols) {
    code <<= LENGTHS[symbol]! - length;
    length = LENGTHS[symbol]!;
    codes[symbol] = code++;
  }
  return codes;
}

/** The states are the inner nodes of the code's tree; its 257 leaves make 256 of them. */
function buildStates(): void {
  /** Children by node and bit: an inner node, or -1 - symbol. */
  const children: [number, number][] = [[0, 0]];
  LENGTHS.forEach((length, symbol) => {
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const side = (CODES[symbol]! >>> bit) & 1;
      if (children[node]![side] === 0) {
        children.push([0, 0]);
        children[node]![side] = children.length - 1;
      }
      node = children[node]![side]!;
    }
    children[node]![CODES[symbol]! & 1] = -1 - symbol;
  });
  for (let state = 0; state < children.length; state++) {
    for (let nibble = 0; nibble < NIBBLES; nibble++) setStep(children, state, nibble);
  }
  let padding = 0;
  for (let bits = 0; bits < 8; bits++) {
    MAY_END[padding] = 1;
    padding = children[padding]![1]!;
  }
}

function setStep(children: readonly (readonly [number, number])[], state: number, nibble: number): void {
  const step = state * NIBBLES + nibble;
  OCTET[step] = NO_OCTET;
  let node = state;
  for (let bit = 3; bit >= 0; bit--) {
    const next = children[node]![(nibble >>> bit) & 1]!;
    if (next >= 0) {
      node = next;
      continue;
    }
    if (-1 - next === EOS) OCTET[step] = BROKEN;
    else if (OCTET[step] !== BROKEN) OCTET[step] = -1 - next;
    node = 0;
  }
  NEXT[step] = node;
}

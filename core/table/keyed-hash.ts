/**
 * HalfSipHash-2-4 with 64 bits of output (Aumasson and Bernstein, SipHash's variant for 32-bit words). Messages are
 * 32-bit words or the UTF-16 code units of a text, two to a word, so nothing needs to be encoded or allocated.
 */

/** 64 bits as two unsigned halves. */
export interface Hash64 {
  readonly hi: number;
  readonly lo: number;
}

/** The internal state; one per thread, as each hash runs to its end without a pause. */
let v0 = 0;
let v1 = 0;
let v2 = 0;
let v3 = 0;

/** Hashes a text under a 64-bit key. */
export function hashText(text: string, key0: number, key1: number): Hash64 {
  begin(key0, key1);
  const pairs = text.length & ~1;
  for (let i = 0; i < pairs; i += 2) {
    absorb(text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16));
  }
  // The last block holds the odd unit and the length, so that no two texts give the same blocks.
  absorb(text.length === pairs ? 0 : text.charCodeAt(pairs));
  absorb(text.length);
  return finish();
}

/** Hashes two 32-bit words under a 64-bit key. */
export function hashWords(first: number, second: number, key: Hash64): Hash64 {
  begin(key.lo, key.hi);
  absorb(first);
  absorb(second);
  absorb(8 << 24);
  return finish();
}

function begin(key0: number, key1: number): void {
  v0 = key0 | 0;
  // 0xee marks the variant with 64 bits of output.
  v1 = key1 ^ 0xee;
  v2 = 0x6c796765 ^ key0;
  v3 = 0x74656462 ^ key1;
}

function absorb(word: number): void {
  v3 ^= word;
  round();
  round();
  v0 ^= word;
}

function finish(): Hash64 {
  v2 ^= 0xee;
  round();
  round();
  round();
  round();
  const lo = (v1 ^ v3) >>> 0;
  v1 ^= 0xdd;
  round();
  round();
  round();
  round();
  return { hi: (v1 ^ v3) >>> 0, lo };
}

function round(): void {
  v0 = (v0 + v1) | 0;
  v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
  v0 = (v0 << 16) | (v0 >>> 16);
  v2 = (v2 + v3) | 0;
  v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
  v2 = (v2 << 16) | (v2 >>> 16);
}

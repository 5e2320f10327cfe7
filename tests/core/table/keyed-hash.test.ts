import { expect, test } from "bun:test";
import { hashText, hashWords } from "../../../core/table/keyed-hash.ts";
import { hashStickyId, StickyTable } from "../../../core/table/sticky-table.ts";

test("is HalfSipHash-2-4 as its definition has it", () => {
  // The authors' first vector for 64 bits of output: key 00 01 .. 07, empty message. It judges the reference below.
  expect(reference([])).toEqual([0x21, 0x8d, 0x1f, 0x59, 0xb9, 0xb8, 0x3c, 0xc8]);
  const { hi, lo } = hashWords(0x0302_0100, 0x0706_0504, { lo: 0x0302_0100, hi: 0x0706_0504 });
  const bytes = [lo, hi].flatMap((word) => [0, 8, 16, 24].map((shift) => (word >>> shift) & 0xff));
  expect(bytes).toEqual(reference([0, 1, 2, 3, 4, 5, 6, 7]));
});

test("100,000 similar ids collide nowhere and fill the sets of a table evenly", () => {
  const seen = new Set<string>();
  const table = new StickyTable(StickyTable.allocate(16 * 64));
  const counts = Array.from({ length: 64 }, () => 0);
  for (let i = 0; i < 100_000; i++) {
    const { hi, lo } = hashStickyId(`session-${i}`);
    seen.add(`${hi}/${lo}`);
    const set = table.lockSet(hi, lo);
    table.unlockSet(set);
    counts[set] = (counts[set] ?? 0) + 1;
  }
  expect(seen.size).toBe(100_000);
  // 1562.5 ids a set are expected, with a standard deviation of 39: six of them are a margin that chance does not reach.
  for (const count of counts) expect(Math.abs(count - 1562.5)).toBeLessThan(6 * 39.3);
});

test("one changed bit changes half of the output", () => {
  let changed = 0;
  for (let i = 0; i < 1000; i++) {
    const a = hashText(`id-${i}a`, 0, 0);
    const b = hashText(`id-${i}c`, 0, 0);
    changed += bits(a.hi ^ b.hi) + bits(a.lo ^ b.lo);
  }
  // 64 coins tossed 1000 times: 32 heads on average, the mean of 1000 tosses within 0.13 of it (one deviation).
  expect(Math.abs(changed / 1000 - 32)).toBeLessThan(6 * 0.13);
});

test("texts that differ only in length, or key, hash differently", () => {
  expect(hashText("", 0, 0)).not.toEqual(hashText("\0", 0, 0));
  expect(hashText("a", 0, 0)).not.toEqual(hashText("a\0", 0, 0));
  expect(hashText("a\0", 0, 0)).not.toEqual(hashText("a\0\0", 0, 0));
  expect(hashText("a", 0, 0)).not.toEqual(hashText("a", 1, 0));
  expect(hashStickyId("x", 5)).not.toEqual(hashStickyId("x"));
});

function bits(word: number): number {
  return (word >>> 0).toString(2).replaceAll("0", "").length;
}

/** HalfSipHash-2-4 with 64 bits of output over bytes, written from its definition with BigInt arithmetic. */
function reference(message: readonly number[]): number[] {
  const mask = 0xffff_ffffn;
  const rotate = (word: bigint, by: bigint): bigint => ((word << by) | (word >> (32n - by))) & mask;
  const [k0, k1] = [0x0302_0100n, 0x0706_0504n];
  let v = [k0, k1 ^ 0xeen, 0x6c79_6765n ^ k0, 0x7465_6462n ^ k1];
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      let [a = 0n, b = 0n, c = 0n, d = 0n] = v;
      a = (a + b) & mask;
      b = rotate(b, 5n) ^ a;
      a = rotate(a, 16n);
      c = (c + d) & mask;
      d = rotate(d, 8n) ^ c;
      a = (a + d) & mask;
      d = rotate(d, 7n) ^ a;
      c = (c + b) & mask;
      b = rotate(b, 13n) ^ c;
      c = rotate(c, 16n);
      v = [a, b, c, d];
    }
  };
  const blocks = message.slice(0, message.length & ~3);
  const tail = [...message.slice(message.length & ~3), 0, 0, 0].slice(0, 3);
  for (let i = 0; i < blocks.length + 4; i += 4) {
    const four = i < blocks.length ? blocks.slice(i, i + 4) : [...tail, message.length & 0xff];
    const word = four.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    v[3] = (v[3] ?? 0n) ^ word;
    rounds(2);
    v[0] = (v[0] ?? 0n) ^ word;
  }
  const out: number[] = [];
  for (const [index, mark] of [[2, 0xeen] as const, [1, 0xddn] as const]) {
    v[index] = (v[index] ?? 0n) ^ mark;
    rounds(4);
    const word = (v[1] ?? 0n) ^ (v[3] ?? 0n);
    for (let shift = 0n; shift < 32n; shift += 8n) out.push(Number((word >> shift) & 0xffn));
  }
  return out;
}

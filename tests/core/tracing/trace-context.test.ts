import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  formatTraceParent,
  isSampled,
  parseTraceParent,
  validTraceState,
} from "../../../core/tracing/trace-context.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const KNOWN = { traceId: TRACE, spanId: SPAN, sampled: true };

test.each([
  [`00-${TRACE}-${SPAN}-01`, KNOWN],
  [`00-${TRACE}-${SPAN}-00`, { ...KNOWN, sampled: false }],
  [`00-${TRACE}-${SPAN}-03`, KNOWN],
  [`00-${TRACE}-${SPAN}-fe`, { ...KNOWN, sampled: false }],
  // A later version may say more, behind a hyphen (section 4.3).
  [`01-${TRACE}-${SPAN}-01`, KNOWN],
  [`cc-${TRACE}-${SPAN}-01-what-comes`, KNOWN],
  [null, null],
  ["", null],
  [`ff-${TRACE}-${SPAN}-01`, null],
  [`00-${TRACE}-${SPAN}-01-more`, null],
  [`cc-${TRACE}-${SPAN}-01.more`, null],
  [`00-${"0".repeat(32)}-${SPAN}-01`, null],
  [`00-${TRACE}-${"0".repeat(16)}-01`, null],
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`, null],
  [`00-${TRACE}-${SPAN}-1`, null],
  [`0-${TRACE}-${SPAN}-01`, null],
  [`00-${TRACE}x-${SPAN}-01`, null],
  [`00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`, null],
  [` 00-${TRACE}-${SPAN}-01`, null],
])("%p", (value, expected) => {
  expect(parseTraceParent(value)).toEqual(expected);
});

const hex = (length: number) =>
  fc
    .uint8Array({ minLength: length, maxLength: length })
    .filter((bytes) => bytes.some((byte) => byte !== 0))
    .map((bytes) => Buffer.from(bytes).toString("hex"));

test("property: what is written is read as it was", () => {
  fc.assert(
    fc.property(hex(16), hex(8), fc.boolean(), (traceId, spanId, sampled) => {
      const parent = { traceId, spanId, sampled };
      const text = formatTraceParent(parent);
      expect(text).toHaveLength(55);
      expect(parseTraceParent(text)).toEqual(parent);
    }),
  );
});

test("property: one octet that is wrong makes it none, and no text breaks it", () => {
  const good = `00-${TRACE}-${SPAN}-01`;
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.constantFrom("g", "A", " ", "_", "\u00e9"), (at, octet) => {
      expect(parseTraceParent(good.slice(0, at) + octet + good.slice(at + 1))).toBeNull();
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(parseTraceParent(text)).toBeNull();
      expect(validTraceState(text).length).toBeLessThanOrEqual(text.length);
    }),
  );
});

test.each([
  ["congo=t61rcWkgMzE", "congo=t61rcWkgMzE"],
  ["rojo=1 , congo=2", "rojo=1,congo=2"],
  ["rojo=1,,\tcongo=2,", "rojo=1,congo=2"],
  ["fw529a3039@dt=a b;c:d", "fw529a3039@dt=a b;c:d"],
  ["a-_*/1=x", "a-_*/1=x"],
  ["1a@b=x", "1a@b=x"],
  [null, ""],
  ["", ""],
  ["rojo=1,rojo=2", ""],
  ["Rojo=1", ""],
  ["1a=x", ""],
  ["a", ""],
  ["=x", ""],
  ["a=", ""],
  ["a=b=c", ""],
  ["a=\u00e9", ""],
  [`${"k".repeat(257)}=1`, ""],
  [`k=${"v".repeat(257)}`, ""],
])("tracestate %p goes on as %p", (value, expected) => {
  expect(validTraceState(value)).toBe(expected);
});

function members(count: number): string {
  return Array.from({ length: count }, (_, index) => `k${index}=v`).join(",");
}

test("32 members pass, 33 do not", () => {
  expect(validTraceState(members(32))).toBe(members(32));
  expect(validTraceState(members(33))).toBe("");
});

test("the share that is recorded is the one asked for, and the same for the same trace", () => {
  const ids = Array.from({ length: 20_000 }, (_, index) =>
    new Bun.CryptoHasher("md5").update(String(index)).digest("hex"),
  );
  for (const percent of [0, 1, 10, 50, 100]) {
    const share = (ids.filter((id) => isSampled(id, percent)).length / ids.length) * 100;
    // Five standard deviations of a binomial share.
    const slack = 5 * Math.sqrt((percent * (100 - percent)) / ids.length);
    expect(Math.abs(share - percent)).toBeLessThanOrEqual(slack);
  }
});

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { CONTENT_CODINGS, type ContentCoding, preferredCoding } from "../../../core/http/accept-encoding.ts";

const ALL = CONTENT_CODINGS;

test.each([
  [null, ""],
  ["", ""],
  ["gzip, deflate, br, zstd", "zstd"],
  ["gzip, deflate, br", "br"],
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["GZIP", "gzip"],
  ["gzip;q=0.5, br;q=0.4", "gzip"],
  ["gzip;q=1.0, br; q=1.000 ,zstd;q=0.999", "br"],
  ["br;q=0, gzip", "gzip"],
  ["*", "zstd"],
  ["*;q=0", ""],
  ["*;q=0, gzip", "gzip"],
  ["zstd;q=0, *;q=0.1", "br"],
  ["identity", ""],
  ["identity;q=0.5, gzip;q=0.4", ""],
  ["identity;q=0.5, gzip;q=0.5", "gzip"],
  ["identity;q=0", ""],
  ["compress, deflate", ""],
  ["gzip;q=2", ""],
  ["gzip;q=0.1234", ""],
  ["gzip;q=-1", ""],
  ["gzip;level=9", ""],
  ["gz ip", ""],
  [",, ,gzip,,", "gzip"],
  ["gzip;q=0, gzip", ""],
  ["gzip\t;\tq=0.8", "gzip"],
])("%p asks for %p", (value, coding) => {
  expect<string>(preferredCoding(value, ALL)).toBe(coding);
});

test("among equals the order of the server decides, and what it does not make is never chosen", () => {
  expect(preferredCoding("gzip, br, zstd", ["gzip", "br"])).toBe("gzip");
  expect(preferredCoding("zstd", ["gzip"])).toBe("");
});

/** The rules of RFC 9110 section 12.5.3 once more, over a list instead of a text. */
function oracle(list: readonly (readonly [string, number])[]): ContentCoding | "" {
  const weight = (name: string, other: number): number =>
    list.find(([listed]) => listed === name)?.[1] ?? other;
  const star = weight("*", 0);
  const ranked = ALL.map((coding) => ({ coding, q: weight(coding, star) })).filter(({ q }) => q > 0);
  const best = Math.max(0, ...ranked.map(({ q }) => q));
  if (best < weight("identity", 0)) return "";
  return ranked.find(({ q }) => q === best)?.coding ?? "";
}

test("property: as the rules say, however it is spelt", () => {
  const name = fc.constantFrom("gzip", "br", "zstd", "deflate", "identity", "*");
  const list = fc.uniqueArray(fc.tuple(name, fc.integer({ min: 0, max: 1000 })), {
    selector: ([each]) => each,
  });
  const blank = fc.constantFrom("", " ", "\t", "  ");
  fc.assert(
    fc.property(list, blank, fc.boolean(), (members, space, upper) => {
      const text = members
        .map(([each, q]) => `${each}${space};${space}q=${(q / 1000).toFixed(3)}`)
        .join(`${space},${space}`);
      expect(preferredCoding(upper ? text.toUpperCase() : text, ALL)).toBe(
        oracle(members.map(([each, q]) => [each, q / 1000])),
      );
    }),
  );
});

test("property: no octets break it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(["", ...ALL]).toContain(preferredCoding(text, ALL));
    }),
  );
});

/** Figures and tables as people read them. */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { cleanText, escapedJson } from "../../../../server/cli/view/clean.ts";
import { bytes, decimal, grouped, short, span } from "../../../../server/cli/view/figures.ts";
import { fit, table } from "../../../../server/cli/view/table.ts";

test.each([
  [0, "0s"],
  [0.44, "0.4s"],
  [59.9, "59s"],
  [60, "1m"],
  [3725, "1h 2m"],
  [86_400 * 3 + 4 * 3600, "3d 4h"],
  [null, "-"],
] as const)("a span of %p seconds is %p", (seconds, text) => {
  expect(span(seconds)).toBe(text);
});

test.each([
  [0, "0"],
  [0.06, "0.1"],
  [12.34, "12.3"],
  [99.96, "100"],
  [999.4, "999"],
  [999.6, "1k"],
  [7890, "7.9k"],
  [12_345, "12k"],
  [999_499, "999k"],
  [999_500, "1M"],
  [3_400_000, "3.4M"],
  [null, "-"],
] as const)("%p in short is %p", (value, text) => {
  expect(short(value)).toBe(text);
});

test("in short is never long, and never off by more than a twentieth", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 9.9e8, noNaN: true }), (value) => {
      const text = short(value);
      expect(text.length).toBeLessThanOrEqual(5);
      const unit = text.endsWith("M") ? 1e6 : text.endsWith("k") ? 1e3 : 1;
      expect(Math.abs(Number.parseFloat(text) * unit - value)).toBeLessThanOrEqual(
        Math.max(0.05, value * 0.05),
      );
    }),
  );
});

test("other figures", () => {
  expect(bytes(512)).toBe("512 B");
  expect(bytes(63_000_000)).toBe("60.1 MiB");
  expect(grouped(1_234_567.4)).toBe("1,234,567");
  expect(decimal(2.5, 2)).toBe("2.5");
  expect(decimal(100, 0)).toBe("100");
  expect(decimal(0, 1)).toBe("0");
});

test("a table leaves out columns without content, and figures stand under each other", () => {
  const rows = [
    { name: "a", count: 5, none: "" },
    { name: "long", count: 1234, none: "" },
  ];
  const shape = [
    { head: "NAME", cell: (row: (typeof rows)[number]) => row.name },
    { head: "NONE", cell: (row: (typeof rows)[number]) => row.none },
    { head: "COUNT", cell: (row: (typeof rows)[number]) => String(row.count), alignRight: true as const },
  ];
  expect(table(shape, rows, null)).toBe("NAME  COUNT\na         5\nlong   1234\n");
  expect(table(shape, rows, 8)).toBe("NAME  C…\na      …\nlong   …\n");
});

test("nothing of a server's moves the cursor, turns text round or is wider than it may be", () => {
  expect(cleanText("a\x1b[2Jb\u202ec\u0085d\n")).toBe("a?[2Jb?c?d?");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 0, max: 40 }), (text, columns) => {
      expect(Bun.stringWidth(fit(cleanText(text), columns))).toBeLessThanOrEqual(columns);
    }),
  );
});

test("JSON is escaped where a terminal would act upon it, and means the same", () => {
  const value = { "a\u009b": "b\u001b[2J\u202ec\u007f\n", d: ["é€😀"] };
  for (const text of [JSON.stringify(value), JSON.stringify(value, null, 2)]) {
    const escaped = escapedJson(text);
    const line = escaped.replaceAll("\n", "");
    expect(cleanText(line)).toBe(line);
    expect(JSON.parse(escaped)).toEqual(value);
  }
  expect(escapedJson('{\n\t"é": 1\r\n}')).toBe('{\n\t"é": 1\r\n}');
});

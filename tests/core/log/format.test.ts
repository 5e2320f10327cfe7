import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  formatLine,
  LOG_LEVELS,
  type LogLine,
  levelAtLeast,
  MAX_VALUE_LENGTH,
  toLogLevel,
} from "../../../core/log/format.ts";

const LINE: LogLine = {
  timestampMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  level: "info",
  component: "access",
  message: "GET /x",
};

/** What ends a line somewhere, or steers a terminal or a reader's eye. */
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\p{Cs}/u;

test("text: time, level, component, message, then key=value with quotes where needed", () => {
  const data = { status: 200, path: "/a b", tier: "lite", ok: true, none: null, left: undefined, empty: "" };
  expect(formatLine({ ...LINE, data }, false)).toBe(
    '2026-01-02T03:04:05.006Z INFO [access] GET /x status=200 path="/a b" tier=lite ok=true none=null empty=""',
  );
});

test("JSON: the five keys and nothing else", () => {
  const parsed: unknown = JSON.parse(formatLine({ ...LINE, data: { a: 1, b: [1, { c: "x" }] } }, true));
  expect(parsed).toEqual({
    timestamp: "2026-01-02T03:04:05.006Z",
    level: "info",
    message: "GET /x",
    component: "access",
    data: { a: 1, b: [1, { c: "x" }] },
  });
});

test("levels are ordered and warning is warn", () => {
  for (const [index, level] of LOG_LEVELS.entries()) {
    for (const [other, least] of LOG_LEVELS.entries()) {
      expect(levelAtLeast(level, least)).toBe(index >= other);
    }
  }
  expect(toLogLevel("warning")).toBe("warn");
  expect(toLogLevel("error")).toBe("error");
});

describe("hostile values", () => {
  const hostile = "a\u001b[31m\r\nb\u2028c\u0085d\u202ee\u007f\ud800";

  test("terminal escapes, line ends and bidirectional marks come out as escapes", () => {
    const text = formatLine({ ...LINE, message: hostile, data: { agent: hostile } }, false);
    expect(text).toContain("a\\u001b[31m\\u000d\\u000ab\\u2028c\\u0085d\\u202ee\\u007f\\ud800");
    expect(text).not.toMatch(UNSAFE);
  });

  test("a quote cannot end a quoted value", () => {
    expect(formatLine({ ...LINE, data: { agent: 'x" level="error' } }, false)).toEndWith(
      'agent="x\\" level=\\"error"',
    );
  });

  test("any value gives one line without control characters, and valid JSON", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.anything(), (message, value) => {
        const line: LogLine = { ...LINE, message, component: message, data: { value, [message]: message } };
        expect(formatLine(line, false)).not.toMatch(UNSAFE);
        const json = formatLine(line, true);
        expect(json).not.toMatch(UNSAFE);
        const parsed: unknown = JSON.parse(json);
        expect(parsed).toBeObject();
      }),
    );
  });

  test("length is bounded", () => {
    const long = "x".repeat(1_000_000);
    expect(formatLine({ ...LINE, message: long }, false).length).toBeLessThan(MAX_VALUE_LENGTH + 100);
    const wide = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, i]));
    expect(formatLine({ ...LINE, data: wide }, false).split(" ").length).toBeLessThan(80);
  });

  test("nesting and cycles end", () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(formatLine({ ...LINE, data: { cycle } }, true)).toContain("…");
    expect(formatLine({ ...LINE, data: { cycle } }, false)).toContain("cycle=");
  });

  test("what is no time is said to be none", () => {
    expect(formatLine({ ...LINE, timestampMs: Number.NaN }, false)).toStartWith("invalid-time INFO");
  });
});

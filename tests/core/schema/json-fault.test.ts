import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { findJsonFault } from "../../../core/schema/json-fault.ts";

test.each([
  ['{"a": [1, NaN]}', 1, 11, ["a", 1], "NaN is not a JSON value"],
  ['{\n  "a": -Infinity\n}', 2, 8, ["a"], "-Infinity is not a JSON value"],
  ["", 1, 1, [], "there is no value"],
  ['{"a": 1', 1, 8, ["a"], "the text ends too early"],
  ['{"a" 1}', 1, 6, ["a"], 'expected ":" after the name'],
  ["{'a': 1}", 1, 2, [], "expected a name in double quotes"],
  ["[1 2]", 1, 4, [0], 'expected "," or "]"'],
  ["[1,]", 1, 4, [1], 'unexpected "]"'],
  ["{} x", 1, 4, [], "something follows the value"],
  ['{"a": {"b": [{"c": undefined}]}}', 1, 20, ["a", "b", 0, "c"], "undefined is not a JSON value"],
  ['["a\u0001"]', 1, 2, [0], "a string is not ended or not escaped well"],
] as const)("%p", (text, line, column, path, message) => {
  expect(findJsonFault(text)).toEqual({ line, column, path: [...path], message });
});

test("agrees with JSON.parse on what is JSON", () => {
  const pieces = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    '"\\u00e9"',
    "1",
    "-0.5e3",
    "01",
    "true",
    "null",
    "NaN",
    " ",
    "\n",
    "\u007f",
  );
  const text = fc.oneof(
    fc.json(),
    fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join("")),
    fc.json().chain((json) => fc.nat(json.length).map((at) => json.slice(0, at))),
    fc.string({ unit: "binary" }).map((inner) => `"${inner}"`),
  );
  fc.assert(
    fc.property(text, (candidate) => {
      expect(findJsonFault(candidate) === null).toBe(parses(candidate));
    }),
    { numRuns: 5000 },
  );
});

test("nesting is bounded", () => {
  expect(findJsonFault("[".repeat(100_000))?.message).toBe("it is nested too deep");
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

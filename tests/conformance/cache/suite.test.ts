import { expect, test } from "bun:test";
import { outcomes, Suite, type SuiteTest, summary } from "./suite.ts";

const tests: readonly SuiteTest[] = [
  { id: "a", name: "", group: "g", kind: "required" },
  { id: "b", name: "", group: "g", kind: "optimal" },
  { id: "c", name: "", group: "g", kind: "check" },
  { id: "d", name: "", group: "g", kind: "check" },
];

test("only true is a pass; a failure keeps its words, and what did not run fails", () => {
  const all = outcomes(tests, { a: true, b: ["Assertion", "not cached"], c: true });
  expect(all.map(({ passed, reason }) => [passed, reason])).toEqual([
    [true, ""],
    [false, "Assertion: not cached"],
    [true, ""],
    [false, "not run"],
  ]);
  expect(summary(all)).toEqual(["2 of 4 pass", "  1 of 1 required, 0 of 1 optimal, 1 of 2 check"]);
});

test("a folder without the suite is refused with what is missing", () => {
  expect(() => new Suite("/nonexistent")).toThrow(/no clone of cache-tests: it has no test-engine/);
});

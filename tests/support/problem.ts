/** The shape of management errors, RFC 9457. */
import { expect } from "bun:test";
import { type Json, number, record, records, string } from "./json.ts";
import type { Answer } from "./raw-client.ts";

/** Checks status, content type and members of an error and gives the body back. */
export function expectProblem(answer: Answer, status: number): Json {
  expect({ status: answer.status, body: answer.text }).toMatchObject({ status });
  expect(answer.header("content-type")).toStartWith("application/problem+json");
  expect(answer.header("x-content-type-options")).toBe("nosniff");
  const problem = record(answer.json);
  string(problem.type);
  expect(string(problem.title)).not.toBe("");
  expect(number(problem.status)).toBe(status);
  expect(string(problem.detail).length).toBeGreaterThan(5);
  return problem;
}

/** Checks that an error names a field, with the rule and what was there. */
export function expectFieldError(answer: Answer, field: string): void {
  const problem = expectProblem(answer, 400);
  const errors = records(problem.errors);
  expect(errors.map((each) => each.field)).toContain(field);
  const found = errors.find((each) => each.field === field);
  expect(string(found?.rule)).not.toBe("");
  expect(found).toContainKey("got");
}

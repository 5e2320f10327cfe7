/**
 * Answers of the management API: JSON, and errors as RFC 9457 problems. The worker adds the headers that every
 * management answer carries, such as `X-Content-Type-Options`.
 */
import { fieldsDetail } from "../../../core/schema/fields-detail.ts";
import { type FieldError, PROBLEM_CONTENT_TYPE, type Problem } from "../../../core/wire/problem.ts";

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  412: "Precondition Failed",
  413: "Content Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** Answers with a value as JSON, ended by a newline as the original does. */
export function json(value: unknown, status = 200): Response {
  return new Response(`${JSON.stringify(value)}\n`, {
    status,
    headers: { "Content-Type": "application/json", "Cache-Control": "no-store" },
  });
}

export function noContent(headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status: 204, headers });
}

export interface ProblemExtras {
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers with an error; `detail` says what a person can do about it. */
export function problem(status: number, detail: string, { errors, headers }: ProblemExtras = {}): Response {
  const body: Problem = {
    type: "about:blank",
    title: TITLES[status] ?? "Error",
    status,
    detail,
    ...(errors === undefined ? {} : { errors }),
  };
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: {
      "Content-Type": PROBLEM_CONTENT_TYPE,
      "Cache-Control": "no-store",
      ...headers,
    },
  });
}

/** Answers that a body's fields are wrong: all of them, the first also in the detail. */
export function invalid(errors: readonly FieldError[]): Response {
  return problem(400, fieldsDetail(errors), { errors });
}

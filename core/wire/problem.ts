/** Errors of the management API, RFC 9457. */

export interface FieldError {
  /** Path of the field in the body, such as `endpoints[0].url`. */
  readonly field: string;
  /** What would be right. */
  readonly rule: string;
  readonly got: unknown;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What a person can do about it. */
  readonly detail: string;
  readonly errors?: readonly FieldError[];
}

export const PROBLEM_CONTENT_TYPE = "application/problem+json";

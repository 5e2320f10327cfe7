import type { FieldError } from "../wire/problem.ts";

/** Sums up wrong fields for a person: the first of them, and how many there are. */
export function fieldsDetail(errors: readonly FieldError[]): string {
  const [first] = errors;
  if (first === undefined) return "The body is not as expected.";
  const others = errors.length > 1 ? ` (and ${errors.length - 1} more, see errors)` : "";
  return `${first.field === "" ? "The body" : first.field} ${first.rule}${others}.`;
}

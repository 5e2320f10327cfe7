/** Reads the JSON body of a call against its schema; what is wrong is said once, for every place that takes bodies. */
import type { Static, TSchema } from "@sinclair/typebox";
import type { FieldError } from "../wire/problem.ts";
import { check, fitsSchema, pathText } from "./check.ts";
import { findJsonFault } from "./json-fault.ts";
import { shortened } from "./rule.ts";

/** In larger texts the place of a fault is not looked for: that would keep other calls waiting. */
const MAX_LOCATED_LENGTH = 1024 * 1024;

export type JsonBody<Value> =
  | { readonly ok: true; readonly value: Value }
  /** `detail` is for a person; `errors` names every field at fault. Both are fit for a 400 (RFC 9457). */
  | { readonly ok: false; readonly detail: string; readonly errors: readonly FieldError[] };

/** Reads a whole body, whatever content type it claims. */
export function readJsonBody<Schema extends TSchema>(
  bytes: Uint8Array,
  schema: Schema,
): JsonBody<Static<Schema>> {
  const text = decode(bytes);
  if (text === null) return { ok: false, detail: "The body is not UTF-8 text.", errors: [] };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return malformed(text);
  }
  if (fitsSchema(schema, value)) return { ok: true, value };
  const errors = check(schema, value).map(({ path, rule, got }) => ({
    field: pathText(path),
    rule,
    got: inJson(shortened(got)),
  }));
  return { ok: false, detail: fieldsDetail(errors), errors };
}

/** Sums up wrong fields for a person: the first of them, and how many there are. */
export function fieldsDetail(errors: readonly FieldError[]): string {
  const [first] = errors;
  if (first === undefined) return "The body is not as expected.";
  const others = errors.length > 1 ? ` (and ${errors.length - 1} more, see errors)` : "";
  return `${first.field === "" ? "The body" : first.field} ${first.rule}${others}.`;
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

function malformed(text: string): JsonBody<never> {
  if (text.trim() === "") {
    return { ok: false, detail: "The body is empty, a JSON object is expected.", errors: [] };
  }
  const fault = text.length <= MAX_LOCATED_LENGTH ? findJsonFault(text) : null;
  if (fault === null) return { ok: false, detail: "The body is not valid JSON.", errors: [] };
  // Names of fields are the sender's here, of any length.
  const field = String(shortened(pathText(fault.path)));
  const place = `line ${fault.line}, column ${fault.column}${field === "" ? "" : `, in ${field}`}`;
  return {
    ok: false,
    detail: `The body is not valid JSON: ${fault.message} (${place}).`,
    errors: [{ field, rule: `must be JSON: ${fault.message}`, got: null }],
  };
}

/** A number that JSON cannot hold, such as the infinity that 1e999 became, as text. */
function inJson(value: string | number | boolean | null): string | number | boolean | null {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

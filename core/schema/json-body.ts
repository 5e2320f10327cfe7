/** Reads the JSON body of a call against its schema; what is wrong is said in the same words everywhere. */
import type { Static, TObject } from "@sinclair/typebox";
import type { FieldError } from "../wire/problem.ts";
import { check, fitsSchema, pathText, soundPart } from "./check.ts";
import { fieldsDetail } from "./fields-detail.ts";
import { findJsonFault } from "./json-fault.ts";
import { shortened } from "./rule.ts";

/** In larger texts the place of a fault is not looked for: that would keep other calls waiting. */
const MAX_LOCATED_LENGTH = 1024 * 1024;

export type JsonBody<Value> =
  | { readonly ok: true; readonly value: Value }
  /** `detail` is for a person; `errors` names every field at fault. Both are fit for a 400 (RFC 9457). */
  | {
      readonly ok: false;
      readonly detail: string;
      readonly errors: readonly FieldError[];
      /** The fields that are right by themselves. */
      readonly sound: Partial<Value>;
    };

/** Faults between fields; those that are wrong by themselves are absent. */
export type Relations<Value> = (sound: Partial<Value>) => readonly FieldError[];

/** Reads a whole body, whatever content type it claims. A field that is null counts as absent, as in the original. */
export function readJsonBody<Schema extends TObject>(
  bytes: Uint8Array,
  schema: Schema,
  relations: Relations<Static<Schema>> = () => [],
): JsonBody<Static<Schema>> {
  const text = decode(bytes);
  if (text === null) return { ok: false, detail: "The body is not UTF-8 text.", errors: [], sound: {} };
  let value: unknown;
  try {
    value = withoutNulls(JSON.parse(text));
  } catch {
    return malformed(text);
  }
  if (fitsSchema(schema, value)) {
    const errors = relations(value);
    if (errors.length === 0) return { ok: true, value };
    return { ok: false, detail: fieldsDetail(errors), errors, sound: value };
  }
  const faults = check(schema, value);
  // Fields without a fault are as the schema has them.
  const sound: Partial<Static<Schema>> =
    typeof value === "object" && value !== null ? soundPart(value, faults) : {};
  const errors: FieldError[] = faults.map(({ path, rule, got }) => ({
    field: pathText(path),
    rule,
    got: inJson(shortened(got)),
  }));
  const named = new Set(faults.map(({ path }) => pathText(path)));
  errors.push(...relations(sound).filter(({ field }) => !named.has(field)));
  return { ok: false, detail: fieldsDetail(errors), errors, sound };
}

/** A copy without the members that are null; items of lists keep their places. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNulls(member)]));
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

function malformed<Value>(text: string): JsonBody<Value> {
  if (text.trim() === "") {
    return { ok: false, detail: "The body is empty, a JSON object is expected.", errors: [], sound: {} };
  }
  const fault = text.length <= MAX_LOCATED_LENGTH ? findJsonFault(text) : null;
  if (fault === null) return { ok: false, detail: "The body is not valid JSON.", errors: [], sound: {} };
  // Names of fields are the sender's here, of any length.
  const field = String(shortened(pathText(fault.path)));
  const place = `line ${fault.line}, column ${fault.column}${field === "" ? "" : `, in ${field}`}`;
  return {
    ok: false,
    detail: `The body is not valid JSON: ${fault.message} (${place}).`,
    errors: [{ field, rule: `must be JSON: ${fault.message}`, got: null }],
    sound: {},
  };
}

/** A number that JSON cannot hold, such as the infinity that 1e999 became, as text. */
function inJson(value: string | number | boolean | null): string | number | boolean | null {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

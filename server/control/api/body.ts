/** Reading of JSON bodies, whatever content type they claim: the worker has judged that. */
import type { Static, TSchema } from "@sinclair/typebox";
import { check, fitsSchema, pathText } from "../../../core/schema/check.ts";
import { findJsonFault } from "../../../core/schema/json-fault.ts";
import { shortened } from "../../../core/schema/rule.ts";
import { invalid, problem } from "./answers.ts";

/** In larger texts the place of a fault is not looked for: that would keep other calls waiting. */
const MAX_LOCATED_LENGTH = 1024 * 1024;

export type Body<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly answer: Response };

/** Reads a body against its schema; the answer of a bad one names every field at fault, its rule and what was there. */
export async function readBody<Schema extends TSchema>(
  request: Request,
  schema: Schema,
  maxBytes: number,
): Promise<Body<Static<Schema>>> {
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > maxBytes) {
    return refused(problem(413, `The body is larger than max_request_body_bytes (${maxBytes}).`));
  }
  const text = decode(bytes);
  if (text === null) return refused(problem(400, "The body is not UTF-8 text."));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refused(malformed(text));
  }
  if (fitsSchema(schema, value)) return { ok: true, value };
  const errors = check(schema, value).map(({ path, rule, got }) => ({
    field: pathText(path),
    rule,
    got: inJson(shortened(got)),
  }));
  return refused(invalid(errors));
}

function refused(answer: Response): { readonly ok: false; readonly answer: Response } {
  return { ok: false, answer };
}

function decode(bytes: ArrayBuffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

function malformed(text: string): Response {
  if (text.trim() === "") return problem(400, "The body is empty, a JSON object is expected.");
  const fault = text.length <= MAX_LOCATED_LENGTH ? findJsonFault(text) : null;
  if (fault === null) return problem(400, "The body is not valid JSON.");
  const field = pathText(fault.path);
  const place = `line ${fault.line}, column ${fault.column}${field === "" ? "" : `, in ${field}`}`;
  return problem(400, `The body is not valid JSON: ${fault.message} (${place}).`, {
    errors: [{ field, rule: `must be JSON: ${fault.message}`, got: null }],
  });
}

/** A number that JSON cannot hold, such as the infinity that 1e999 became, as text. */
function inJson(value: string | number | boolean | null): string | number | boolean | null {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

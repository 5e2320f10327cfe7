/** Reading of JSON bodies, whatever content type they claim: the worker has judged that. */
import type { Static, TSchema } from "@sinclair/typebox";
import { readJsonBody } from "../../../core/schema/json-body.ts";
import { problem } from "./answers.ts";

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
    return {
      ok: false,
      answer: problem(413, `The body is larger than max_request_body_bytes (${maxBytes}).`),
    };
  }
  const body = readJsonBody(new Uint8Array(bytes), schema);
  if (body.ok) return body;
  const { detail, errors } = body;
  return { ok: false, answer: problem(400, detail, errors.length === 0 ? {} : { errors }) };
}

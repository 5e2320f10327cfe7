/** Reading of JSON bodies, whatever content type they claim: the worker has judged that. */
import type { Static, TObject } from "@sinclair/typebox";
import { type Relations, readJsonBody } from "../../../core/schema/json-body.ts";
import { problem } from "./answers.ts";

export type Body<Value> =
  | { readonly ok: true; readonly value: Value }
  /** `sound` holds the fields that are right by themselves. */
  | { readonly ok: false; readonly answer: Response; readonly sound: Partial<Value> };

/** Reads a body against its schema; the answer of a bad one names every field at fault, its rule and what was there. */
export async function readBody<Schema extends TObject>(
  request: Request,
  schema: Schema,
  maxBytes: number,
  relations?: Relations<Static<Schema>>,
): Promise<Body<Static<Schema>>> {
  const bytes = await bytesOf(request);
  if (bytes === null) return { ok: false, answer: problem(400, "The body did not arrive whole."), sound: {} };
  if (bytes.byteLength > maxBytes) {
    const answer = problem(413, `The body is larger than max_request_body_bytes (${maxBytes}).`);
    return { ok: false, answer, sound: {} };
  }
  const body = readJsonBody(new Uint8Array(bytes), schema, relations);
  if (body.ok) return body;
  const { detail, errors, sound } = body;
  return { ok: false, answer: problem(400, detail, errors.length === 0 ? {} : { errors }), sound };
}

/** Null when the body broke off: its sender gave up, or the worker did because it is too large. */
async function bytesOf(request: Request): Promise<ArrayBuffer | null> {
  try {
    return await request.arrayBuffer();
  } catch {
    return null;
  }
}

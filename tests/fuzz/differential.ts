/** Requests as they leave for a backend, taken apart by parsers of other makers. */
import { ChunkedReader } from "../../core/http/chunked.ts";
import { writeRequestHead } from "../../core/http/forward-request.ts";
import { parseRequestHead, RequestHead } from "../../core/http/request-head.ts";
import { LIMITS, latin1, readChunked } from "../core/http/support.ts";
import { CONTEXT } from "./checks.ts";
import type { Found, FoundMessage } from "./other-parsers.ts";

/** A request that was accepted: what it means to us, and the octets that the backend gets. */
export interface Forwarded {
  readonly meaning: FoundMessage;
  readonly octets: Buffer;
}

/** Forwards the first request in some octets; null when it is refused or not there in full. */
export function forward(bytes: Buffer): Forwarded | null {
  const head = new RequestHead();
  const consumed = parseRequestHead(bytes, 0, bytes.length, LIMITS, head);
  if (consumed <= 0 || head.rejection !== null) return null;
  const body = bodyOf(head, bytes.subarray(consumed));
  if (body === null) return null;
  const out = Buffer.alloc(65_536);
  const headOctets = out.subarray(0, writeRequestHead(head, CONTEXT, out, 0));
  const lines = headOctets.toString("latin1").slice(0, -4).split("\r\n");
  const [line = "", ...fieldLines] = lines;
  const [method = "", url = ""] = line.split(" ");
  const fields = fieldLines.flatMap((each) => {
    const colon = each.indexOf(":");
    return [each.slice(0, colon), trimmed(each.slice(colon + 1))];
  });
  const meaning = { method, url, fields, body: body.content, isDone: true };
  return { meaning, octets: Buffer.concat([headOctets, latin1(body.coded)]) };
}

/** Says what another parser makes of a forwarded request that we do not; null when they agree. */
export function difference({ meaning }: Forwarded, found: Found): string | null {
  if (found.fault !== null) return `it is refused: ${found.fault}`;
  const [only] = found.messages;
  if (only === undefined || found.messages.length > 1) return `it is ${found.messages.length} requests`;
  const normal = { ...only, fields: only.fields.map((text, at) => (at % 2 === 0 ? text : trimmed(text))) };
  for (const key of ["method", "url", "fields", "body", "isDone"] as const) {
    const [ours, theirs] = [JSON.stringify(meaning[key]), JSON.stringify(normal[key])];
    if (ours !== theirs) return `${key}: ${ours} for us, ${theirs} for it`;
  }
  return null;
}

/** The body as the client meant it, and as it goes on; null when it is not there in full. */
function bodyOf(
  head: RequestHead,
  rest: Buffer,
): { readonly content: string; readonly coded: string } | null {
  if (head.framing === "none") return { content: "", coded: "" };
  if (head.framing === "length") {
    if (rest.length < head.contentLength) return null;
    const content = rest.toString("latin1", 0, head.contentLength);
    return { content, coded: content };
  }
  const { state, body, trailers } = readChunked([rest], new ChunkedReader());
  if (state !== "done") return null;
  const data = body === "" ? "" : `${body.length.toString(16)}\r\n${body}\r\n`;
  return { content: body, coded: `${data}0\r\n${trailers}\r\n` };
}

function trimmed(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, "");
}

/** From header blocks to heads (RFC 9113 section 8.3): what they mean is judged by the code of HTTP/1.1. */
import { isAuthority } from "../http/authority.ts";
import { CLASS, TARGET, TOKEN } from "../http/byte-class.ts";
import { DROP_TRAILER, FLAGS } from "../http/field-names.ts";
import { type HeadLimits, MessageHead } from "../http/message-head.ts";
import { HEAD_TOO_LARGE, METHOD_NOT_IMPLEMENTED, type Rejection, URI_TOO_LONG } from "../http/rejection.ts";
import { interpretRequest, type RequestHead } from "../http/request-head.ts";
import { MAX_METHOD_BYTES, readTarget } from "../http/request-line.ts";
import { reasonPhrase } from "../http/respond.ts";
import { interpretResponse, type ResponseHead } from "../http/response-head.ts";
import type { FieldBlock } from "./field-block.ts";

/**
 * Makes a request head of a block. Returns why the message is malformed, which is an error of the stream, or "". A head
 * that is well-formed but not to be served has its `rejection`, to be answered.
 */
export function fillRequest(
  block: FieldBlock,
  endsStream: boolean,
  limits: HeadLimits,
  head: RequestHead,
): string {
  const method = block.pseudo.get(":method") ?? "";
  const scheme = block.pseudo.get(":scheme");
  const target = block.pseudo.get(":path") ?? "";
  if (block.fault !== "") return block.fault;
  block.copyTo(head);
  head.rejection = block.isTooLarge ? HEAD_TOO_LARGE : null;
  if (head.rejection !== null) return "";
  if (!isToken(method)) return "invalid method";
  if (method === "CONNECT") {
    head.rejection = METHOD_NOT_IMPLEMENTED;
    return "";
  }
  if (scheme !== "http" && scheme !== "https") return "invalid scheme";
  if (target.length > limits.maxTargetBytes) {
    head.rejection = URI_TOO_LONG;
    return "";
  }
  if (!isTarget(target)) return "invalid path";
  const fault = setAuthority(block, head, method, target);
  if (fault !== "" || head.rejection !== null) return fault;
  const rejection = interpretRequest(head, true, !endsStream);
  if (rejection !== null) return refused(head, rejection);
  return endsStream && head.contentLength > 0 ? "Content-Length without a body" : "";
}

/** Makes a response head of a block; returns why it is malformed, or "". `requestMethod` as sent. */
export function fillResponse(
  block: FieldBlock,
  endsStream: boolean,
  requestMethod: string,
  head: ResponseHead,
): string {
  const status = block.pseudo.get(":status") ?? "";
  if (block.fault !== "") return block.fault;
  if (block.isTooLarge) return "head too large";
  if (!/^[1-5]\d\d$/.test(status)) return "invalid status";
  if (status === "101") return "101 in HTTP/2";
  block.copyTo(head);
  head.status = Number(status);
  head.reason = reasonPhrase(head.status);
  const fault = interpretResponse(head, requestMethod);
  if (fault !== "") return fault;
  if (head.informational && endsStream) return "interim response that ends the stream";
  if (head.framing === "length" && endsStream) return "Content-Length without a body";
  if (head.framing === "close") head.framing = endsStream ? "none" : "chunked";
  head.keepAlive = true;
  return "";
}

/** Gives the fields of a trailer section that may travel on, as lines (RFC 9110 section 6.5.1). */
export function trailerLines(block: FieldBlock): Buffer {
  const head = new MessageHead();
  block.copyTo(head);
  const kept: Buffer[] = [];
  for (let index = 0; index < head.count; index++) {
    if ((FLAGS[head.kinds[index]!]! & DROP_TRAILER) !== 0) continue;
    kept.push(head.bytes.subarray(head.nameStart[index], head.lineEnd(index)));
  }
  return Buffer.concat(kept);
}

/** `:authority` counts; a Host beside it must say the same (section 8.3.1). */
function setAuthority(block: FieldBlock, head: RequestHead, method: string, target: string): string {
  const stated = block.pseudo.get(":authority");
  const authority = stated ?? block.host;
  if (authority === null) return "no authority";
  if (!isAuthority(authority)) return "invalid authority";
  if (block.host !== null && block.host.toLowerCase() !== authority.toLowerCase()) return "two authorities";
  const rejection = readTarget(head, method, target);
  head.host = authority;
  return rejection === null ? "" : refused(head, rejection);
}

/** What HTTP/1.1 answers with 400 is a malformed message here. */
function refused(head: RequestHead, rejection: Rejection): string {
  if (rejection.status === 400) return rejection.reason;
  head.rejection = rejection;
  return "";
}

function isToken(text: string): boolean {
  return text !== "" && text.length <= MAX_METHOD_BYTES && isAll(text, TOKEN);
}

/** Origin-form or "*"; absolute-form has no place here. */
function isTarget(text: string): boolean {
  return (text.startsWith("/") || text === "*") && isAll(text, TARGET);
}

function isAll(text: string, bits: number): boolean {
  for (let at = 0; at < text.length; at++) if ((CLASS[text.charCodeAt(at)]! & bits) === 0) return false;
  return true;
}

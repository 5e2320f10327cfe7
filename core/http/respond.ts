/** Answers of our own. */
import { linesLength, safeLines } from "./head-writer.ts";

export interface Reply {
  readonly status: number;
  /** Without framing, Connection and Date, which are added. */
  readonly headers: readonly (readonly [string, string])[];
  /** Text is sent as UTF-8. */
  readonly body: string | Uint8Array;
  /** Value of Date, of HttpDate; "" = none. */
  readonly date: string;
  /** For HEAD: Content-Length without the body. */
  readonly omitBody?: boolean;
}

const FIXED_BYTES = 256;

/** Makes the bytes of a complete answer. */
export function buildResponse(reply: Reply, minor: 0 | 1, keepAlive: boolean): Buffer {
  const { status } = reply;
  // RFC 9110 section 8.6 and 15.3.5, 15.4.5: these have neither body nor length of ours.
  const bodyless = status < 200 || status === 204 || status === 304;
  const body = typeof reply.body === "string" ? Buffer.from(reply.body, "utf8") : reply.body;
  const bodyLength = bodyless || reply.omitBody === true ? 0 : body.length;
  const out = Buffer.allocUnsafe(FIXED_BYTES + linesLength(reply.headers) + bodyLength);
  let text = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${safeLines(reply.headers)}`;
  if (!bodyless) text += `Content-Length: ${body.length}\r\n`;
  if (reply.date !== "") text += `Date: ${reply.date}\r\n`;
  if (!keepAlive) text += "Connection: close\r\n";
  else if (minor === 0) text += "Connection: keep-alive\r\n";
  const at = out.write(`${text}\r\n`, 0, "latin1");
  if (bodyLength > 0) out.set(body, at);
  return out.subarray(0, at + bodyLength);
}

/** `HTTP/1.1 100 Continue` and its empty line. */
export const CONTINUE: Buffer = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n", "latin1");

/** Gives the usual phrase of a status code; "Unknown" for codes without one. */
export function reasonPhrase(status: number): string {
  return PHRASES.get(status) ?? "Unknown";
}

/** The codes that we answer ourselves, on proxied paths and on management (RFC 9110 section 15, RFC 6585). */
const PHRASES: ReadonlyMap<number, string> = new Map([
  [100, "Continue"],
  [101, "Switching Protocols"],
  [200, "OK"],
  [201, "Created"],
  [202, "Accepted"],
  [204, "No Content"],
  [304, "Not Modified"],
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [408, "Request Timeout"],
  [409, "Conflict"],
  [411, "Length Required"],
  [413, "Content Too Large"],
  [414, "URI Too Long"],
  [415, "Unsupported Media Type"],
  [416, "Range Not Satisfiable"],
  [417, "Expectation Failed"],
  [421, "Misdirected Request"],
  [422, "Unprocessable Content"],
  [426, "Upgrade Required"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [500, "Internal Server Error"],
  [501, "Not Implemented"],
  [502, "Bad Gateway"],
  [503, "Service Unavailable"],
  [504, "Gateway Timeout"],
  [505, "HTTP Version Not Supported"],
  [508, "Loop Detected"],
]);

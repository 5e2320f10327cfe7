/**
 * A small HTTP/1.1 reader of the tests' own, so that what the product sends is judged by a second
 * implementation. It keeps every octet and every header line as it came.
 */

export interface RawHead {
  readonly startLine: string;
  /** Lines in order, names as sent, values without surrounding blanks; latin1. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Octets up to and including the blank line. */
  readonly bytes: Buffer;
}

export interface RawMessage extends RawHead {
  readonly body: Buffer;
  /** Body octets as on the wire, chunk framing included. */
  readonly wireBody: Buffer;
  readonly framing: "none" | "length" | "chunked" | "close";
  readonly trailers: readonly (readonly [string, string])[];
}

export interface Taken<T> {
  readonly message: T;
  /** Octets of the buffer that belong to the message. */
  readonly consumed: number;
}

/** What decides a body's length beyond the head itself. */
export interface ReadContext {
  readonly kind: "request" | "response";
  /** Method of the request that a response answers. */
  readonly method?: string;
  /** The peer has ended its side: a body without framing is complete. */
  readonly ended?: boolean;
}

/** Takes one head off the front of a buffer; null while it is incomplete. */
export function takeHead(buffer: Buffer): Taken<RawHead> | null {
  const end = buffer.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const bytes = buffer.subarray(0, end + 4);
  const [startLine = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  return { message: { startLine, headers: lines.map(splitField), bytes }, consumed: end + 4 };
}

/** Takes one whole message off the front of a buffer; null while it is incomplete. */
export function takeMessage(buffer: Buffer, context: ReadContext): Taken<RawMessage> | null {
  const head = takeHead(buffer);
  if (head === null) return null;
  const framing = framingOf(head.message, context);
  const rest = buffer.subarray(head.consumed);
  const taken = takeBody(rest, framing, head.message, context.ended === true);
  if (taken === null) return null;
  const { body, trailers, length } = taken;
  return {
    message: { ...head.message, body, trailers, framing, wireBody: rest.subarray(0, length) },
    consumed: head.consumed + length,
  };
}

/** Gives the first value of a header, or null; names compare without case. */
export function header(message: RawHead, name: string): string | null {
  return headerAll(message, name)[0] ?? null;
}

export function headerAll(message: RawHead, name: string): string[] {
  const wanted = name.toLowerCase();
  return message.headers.filter(([each]) => each.toLowerCase() === wanted).map(([, value]) => value);
}

export function statusOf(head: RawHead): number {
  const match = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(head.startLine);
  if (match === null) throw new Error(`not a status line: ${JSON.stringify(head.startLine)}`);
  return Number(match[1]);
}

function splitField(line: string): readonly [string, string] {
  const colon = line.indexOf(":");
  if (colon < 0) throw new Error(`header line without a colon: ${JSON.stringify(line)}`);
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "")];
}

/** RFC 9112 section 6.3. */
function framingOf(head: RawHead, context: ReadContext): RawMessage["framing"] {
  if (context.kind === "response") {
    const status = statusOf(head);
    if (context.method === "HEAD" || status < 200 || status === 204 || status === 304) return "none";
  }
  if (headerAll(head, "transfer-encoding").length > 0) return "chunked";
  if (headerAll(head, "content-length").length > 0) return "length";
  return context.kind === "response" ? "close" : "none";
}

interface TakenBody {
  readonly body: Buffer;
  readonly trailers: RawMessage["trailers"];
  readonly length: number;
}

function takeBody(
  rest: Buffer,
  framing: RawMessage["framing"],
  head: RawHead,
  ended: boolean,
): TakenBody | null {
  switch (framing) {
    case "none":
      return { body: Buffer.alloc(0), trailers: [], length: 0 };
    case "close":
      return ended ? { body: rest, trailers: [], length: rest.length } : null;
    case "length": {
      const length = Number(header(head, "content-length"));
      if (rest.length < length) return null;
      return { body: rest.subarray(0, length), trailers: [], length };
    }
    case "chunked":
      return takeChunked(rest);
    default:
      return framing satisfies never;
  }
}

function takeChunked(rest: Buffer): TakenBody | null {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = rest.indexOf("\r\n", at);
    if (lineEnd < 0) return null;
    const line = rest.toString("latin1", at, lineEnd);
    if (!/^[0-9a-fA-F]{1,8}(?:;.*)?$/.test(line)) throw new Error(`bad chunk line ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) break;
    if (rest.length < at + size + 2) return null;
    if (rest.toString("latin1", at + size, at + size + 2) !== "\r\n") throw new Error("chunk without CRLF");
    parts.push(rest.subarray(at, at + size));
    at += size + 2;
  }
  const trailers: (readonly [string, string])[] = [];
  for (;;) {
    const lineEnd = rest.indexOf("\r\n", at);
    if (lineEnd < 0) return null;
    const line = rest.toString("latin1", at, lineEnd);
    at = lineEnd + 2;
    if (line === "") return { body: Buffer.concat(parts), trailers, length: at };
    trailers.push(splitField(line));
  }
}

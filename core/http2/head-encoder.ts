/** From heads to header blocks: the same fields pass as in HTTP/1.1, in lower case and without what frames and connects. */
import {
  AUTHORIZATION,
  COOKIE,
  fieldKind,
  PROXY_AUTHORIZATION,
  SET_COOKIE,
  X_API_KEY,
} from "../http/field-names.ts";
import {
  type ForwardContext,
  forwardedTarget,
  ourRequestLines,
  passesToBackend,
} from "../http/forward-request.ts";
import { ourResponseLines, passesToClient, type ResponseContext } from "../http/forward-response.ts";
import type { MessageHead } from "../http/message-head.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { Reply } from "../http/respond.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { encodeField, fieldBound, NO_TABLE } from "./hpack/encoder.ts";

const FIRST_CAPACITY = 4096;
/** Not sent in HTTP/2 (RFC 9113 section 8.2.2). */
const FORBIDDEN: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Makes the header blocks of one direction of a connection; each is valid until the next one. */
export class HeadEncoder {
  /** The block that was made last: bytes[0, length). */
  bytes = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
  length = 0;
  #isFirst = true;

  /** The head towards a backend. */
  request(head: RequestHead, context: ForwardContext, scheme: "http" | "https"): void {
    this.#begin();
    const authority = context.preserveHost && head.host !== "" ? head.host : context.authority;
    this.#put(":method", head.method);
    this.#put(":scheme", scheme);
    this.#put(":authority", authority);
    this.#put(":path", forwardedTarget(head, context));
    for (let index = 0; index < head.count; index++) {
      if (passesToBackend(head, index, context)) this.#copy(head, index);
    }
    this.#lines(ourRequestLines(head, context));
  }

  /** The head of a backend's response towards a client. */
  response(head: ResponseHead, context: ResponseContext): void {
    this.#begin();
    this.#put(":status", String(head.status));
    for (let index = 0; index < head.count; index++) {
      if (passesToClient(head, index, context)) this.#copy(head, index);
    }
    this.#lines(ourResponseLines(head, context));
  }

  /** The head of an answer of our own, with a body of so many octets; -1 for none. */
  reply(reply: Reply, bodyBytes: number): void {
    this.#begin();
    this.#put(":status", String(reply.status));
    for (const [name, value] of reply.headers) this.#put(name.toLowerCase(), value);
    if (bodyBytes >= 0) this.#put("content-length", String(bodyBytes));
    if (reply.date !== "") this.#put("date", reply.date);
  }

  /** An interim response without fields. */
  interim(status: number): void {
    this.#begin();
    this.#put(":status", String(status));
  }

  /** A trailer section of lines, each with its CRLF. */
  trailers(lines: Buffer): void {
    this.#begin();
    this.#lines(lines.toString("latin1"));
  }

  #begin(): void {
    this.length = 0;
    if (!this.#isFirst) return;
    this.#isFirst = false;
    this.bytes[0] = NO_TABLE;
    this.length = 1;
  }

  #copy(head: MessageHead, index: number): void {
    const { bytes } = head;
    const name = bytes.toString("latin1", head.nameStart[index], head.nameEnd[index]).toLowerCase();
    this.#field(Buffer.from(name, "latin1"), bytes.subarray(head.valueStart[index], head.valueEnd[index]));
  }

  /** Puts the fields of lines that we have made or checked. */
  #lines(text: string): void {
    for (let at = 0; at < text.length; ) {
      const end = text.indexOf("\r\n", at);
      const colon = text.indexOf(":", at);
      const name = text.slice(at, colon).toLowerCase();
      if (!FORBIDDEN.has(name)) this.#put(name, text.slice(colon + 1, end).trim());
      at = end + 2;
    }
  }

  #put(name: string, value: string): void {
    this.#field(Buffer.from(name, "latin1"), Buffer.from(value, "latin1"));
  }

  #field(name: Buffer, value: Buffer): void {
    const needed = this.length + fieldBound(name.length + value.length);
    if (needed > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(2 * needed);
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
    }
    this.length = encodeField(name, value, isSecret(name), this.bytes, this.length);
  }
}

function isSecret(name: Buffer): boolean {
  const kind = fieldKind(name, 0, name.length);
  return (
    kind === AUTHORIZATION ||
    kind === COOKIE ||
    kind === SET_COOKIE ||
    kind === PROXY_AUTHORIZATION ||
    kind === X_API_KEY
  );
}

/** The response head towards the client (RFC 9110 section 7.6). */
import type { Representation } from "./content-coding.ts";
import { DEPENDS_ON_CODING, DROP_RESPONSE, ETAG, FLAGS } from "./field-names.ts";
import { copyLines, linesLength, safeLines } from "./head-writer.ts";
import type { ResponseHead } from "./response-head.ts";

export interface ResponseContext {
  /** Minor version of the client. */
  readonly minor: 0 | 1;
  readonly keepAlive: boolean;
  /** How we send the body; for 1xx and 101 "none". */
  readonly framing: "none" | "length" | "chunked" | "close";
  /** Declared length, or -1; sent with "length", and with "none" where a length without a body is legal. */
  readonly contentLength: number;
  /** The head is a 101 that opens a tunnel. */
  readonly upgrade: boolean;
  /** "" = no Via. */
  readonly viaName: string;
  /** Date when the backend sent none; "" = never add. */
  readonly date: string;
  readonly extra: readonly (readonly [string, string])[];
  /** What becomes of the representation; as the backend sent it unless given. */
  readonly representation?: Representation;
}

/** Room for the names and line ends of our own fields, and for numbers. */
const FIXED_BYTES = 256;

/**
 * Writes the head towards the client; returns the position after it, or -1 when `out` is too small: it needs the
 * size of the head, of all texts of the context, and 256 bytes. Fields pass byte for byte in their order, apart from
 * hop-by-hop fields, those that Connection names, framing, and X-Opsen-Error, which only we may send.
 */
export function writeResponseHead(head: ResponseHead, ctx: ResponseContext, out: Buffer, at: number): number {
  const bound = FIXED_BYTES + (head.end - head.start) + ctx.viaName.length + linesLength(ctx.extra);
  if (at + bound > out.length) return -1;
  let position = at + out.write(`HTTP/1.1 ${head.status} ${head.reason}\r\n`, at, "latin1");
  position = copyLines(head, ctx, passesToClient, out, position);
  return position + out.write(`${ourResponseLines(head, ctx)}\r\n`, position, "latin1");
}

/** Tells whether field line `index` goes on to the client as the backend sent it. */
export function passesToClient(
  head: ResponseHead,
  index: number,
  ctx: Pick<ResponseContext, "representation">,
): boolean {
  const kind = head.kinds[index]!;
  if (kind !== 0) {
    const flags = FLAGS[kind]!;
    if ((flags & DROP_RESPONSE) !== 0) return false;
    if ((flags & DEPENDS_ON_CODING) !== 0 && isReplaced(kind, ctx)) return false;
  }
  return head.nominated === 0 || !head.isNominated(index);
}

/** Ranges would be of octets that the client never sees (RFC 9110 section 14.3). */
function isReplaced(kind: number, { representation }: Pick<ResponseContext, "representation">): boolean {
  if (representation === undefined) return false;
  return kind === ETAG ? representation.etag !== "" : representation.coding !== "";
}

/** Gives the field lines of our own, each with its CRLF, framing and connection among them. */
export function ourResponseLines(head: ResponseHead, ctx: ResponseContext): string {
  let text = framingLine(head, ctx);
  if (ctx.viaName !== "") text += `Via: ${head.protocol} ${ctx.viaName}\r\n`;
  if (ctx.extra.length > 0) text += safeLines(ctx.extra);
  if (ctx.representation !== undefined) text += representationLines(ctx.representation);
  if (head.informational) return text;
  if (ctx.date !== "" && !head.hasDate) text += `Date: ${ctx.date}\r\n`;
  if (ctx.upgrade) return `${text}Upgrade: ${head.upgrade}\r\nConnection: Upgrade\r\n`;
  if (!ctx.keepAlive || ctx.framing === "close") return `${text}Connection: close\r\n`;
  return ctx.minor === 0 ? `${text}Connection: keep-alive\r\n` : text;
}

function representationLines({ coding, etag, varies }: Representation): string {
  let text = coding === "" ? "" : `Content-Encoding: ${coding}\r\n`;
  if (etag !== "") text += `ETag: ${etag}\r\n`;
  return varies ? `${text}Vary: Accept-Encoding\r\n` : text;
}

/** RFC 9110 section 8.6: no length on 1xx and 204; on HEAD and 304 it tells of the body that would have come. */
function framingLine(head: ResponseHead, ctx: ResponseContext): string {
  if (ctx.framing === "chunked") return "Transfer-Encoding: chunked\r\n";
  const bodyless = head.status < 200 || head.status === 204;
  if (bodyless || ctx.framing === "close" || ctx.contentLength < 0) return "";
  return `Content-Length: ${ctx.contentLength}\r\n`;
}

/** The request head towards the backend (RFC 9110 section 7.6). */
import {
  ACCEPT_ENCODING,
  CERTIFICATE,
  CONDITIONAL,
  DROP_REQUEST,
  FLAGS,
  MAX_FORWARDS,
  spells,
  TRACEPARENT,
  TRACESTATE,
  UNDERSCORED,
  VIA,
  X_REQUEST_ID,
} from "./field-names.ts";
import { copyLines, linesLength, safeLine, safeLines } from "./head-writer.ts";
import type { RequestHead } from "./request-head.ts";

/** What backends are told of the trace that the request belongs to. */
export interface TraceFields {
  /** "" = the client's fields pass. */
  readonly traceparent: string;
  /** "" = none. */
  readonly tracestate: string;
}

/** What goes into a forwarded head beside the client's own fields. Texts come from our side or from a parsed head. */
export interface ForwardContext {
  /** Value of Host towards the backend. */
  readonly authority: string;
  /** Path before the request's path, without a trailing slash; usually "". */
  readonly basePath: string;
  /** Send the client's authority as Host instead. */
  readonly preserveHost: boolean;
  readonly clientIp: string;
  /** Complete value of X-Forwarded-For. */
  readonly forwardedFor: string;
  readonly proto: "http" | "https";
  /** Value of X-Forwarded-Host; "" = none. */
  readonly forwardedHost: string;
  /** Complete value of Forwarded (RFC 7239); "" = none. */
  readonly forwarded: string;
  /** Subject of the client's certificate; "" = none. */
  readonly clientSubject: string;
  /** The peer may tell of certificates that its own clients have shown (RFC 9440). */
  readonly passesCertificates: boolean;
  /** Ask the backend to close the connection after its answer. */
  readonly close: boolean;
  /** Replaces the client's X-Request-ID; "" lets that pass. */
  readonly requestId: string;
  readonly viaName: string;
  /** "" = none, as for lbHostname. */
  readonly lbClientId: string;
  readonly lbHostname: string;
  /** Lower-case name of a field to drop, such as "x-api-key"; "" = none. */
  readonly dropHeader: string;
  /** Leave away what asks for a part only, or for what is new only. */
  readonly dropConditions?: boolean;
  /** Protocol to ask the backend for, such as "websocket"; "" drops the client's Upgrade. */
  readonly upgrade: string;
  /** Pass `Expect: 100-continue` on; false when the proxy answers 100 itself. */
  readonly forwardExpect: boolean;
  /** Ask for an answer without a content coding, whatever the client accepts. */
  readonly identityOnly?: boolean;
  /** In place of what the client says; without it that passes. */
  readonly trace?: TraceFields | null;
  readonly extra: readonly (readonly [string, string])[];
}

/** Room for the names and line ends of our own fields, and for numbers. */
const FIXED_BYTES = 512;

/**
 * Writes the head towards the backend; returns the position after it, or -1 when `out` is too small: it needs the
 * size of the head, of all texts of the context, and 512 bytes. Fields pass byte for byte in their order, apart from
 * hop-by-hop fields, those that Connection names, and those that we write. Ours come last, so that a client's
 * Connection cannot strip them.
 */
export function writeRequestHead(head: RequestHead, ctx: ForwardContext, out: Buffer, at: number): number {
  if (at + sizeBound(head, ctx) > out.length) return -1;
  const host = ctx.preserveHost && head.host !== "" ? head.host : ctx.authority;
  const lineAndHost = `${head.method} ${forwardedTarget(head, ctx)} HTTP/1.1\r\nHost: ${host}\r\n`;
  let position = at + out.write(lineAndHost, at, "latin1");
  position = copyLines(head, ctx, passesToBackend, out, position);
  return position + out.write(`${ourRequestLines(head, ctx)}\r\n`, position, "latin1");
}

/** Tells whether the request has passed through the proxy of that pseudonym (RFC 9110 section 7.6.3). */
export function hasVia(head: RequestHead, viaName: string): boolean {
  for (let index = 0; index < head.count; index++) {
    if (head.kinds[index] !== VIA) continue;
    const hops = head.value(index).split(",");
    if (hops.some((hop) => hop.trim().split(/[ \t]+/, 2)[1] === viaName)) return true;
  }
  return false;
}

/** Gives the raw origin-form behind the base path; the bytes of path and query never change (RFC 9110 section 7.7). */
export function forwardedTarget(head: RequestHead, ctx: ForwardContext): string {
  if (head.path === "*") return "*";
  const raw = head.originStart === 0 ? head.target : head.target.slice(head.originStart);
  return raw.charCodeAt(0) === 0x2f ? ctx.basePath + raw : `${ctx.basePath}/${raw}`;
}

/** Tells whether field line `index` goes on to the backend as the client sent it. */
export function passesToBackend(head: RequestHead, index: number, ctx: ForwardContext): boolean {
  const kind = head.kinds[index]!;
  if (kind !== 0) {
    if ((FLAGS[kind]! & DROP_REQUEST) !== 0) return false;
    if (kind === MAX_FORWARDS && head.maxForwards >= 0) return false;
    if ((FLAGS[kind]! & CERTIFICATE) !== 0 && !ctx.passesCertificates) return false;
    if (ctx.identityOnly === true && kind % UNDERSCORED === ACCEPT_ENCODING) return false;
    if ((kind === TRACEPARENT || kind === TRACESTATE) && hasTrace(ctx)) return false;
    if ((FLAGS[kind]! & CONDITIONAL) !== 0 && ctx.dropConditions === true) return false;
    if (ctx.requestId !== "" && kind % UNDERSCORED === X_REQUEST_ID) return false;
  }
  if (ctx.dropHeader !== "") {
    if (spells(head.bytes, head.nameStart[index]!, head.nameEnd[index]!, ctx.dropHeader)) return false;
  }
  return head.nominated === 0 || !head.isNominated(index);
}

/** Exactly one framing field, or none: a method that means a body says so when there is none (RFC 9110 section 8.6). */
function framingLine(head: RequestHead): string {
  if (head.framing === "chunked") return "Transfer-Encoding: chunked\r\n";
  if (head.contentLength >= 0) return `Content-Length: ${head.contentLength}\r\n`;
  const { method } = head;
  return method === "POST" || method === "PUT" || method === "PATCH" ? "Content-Length: 0\r\n" : "";
}

/** Gives the field lines of our own, each with its CRLF, framing and connection among them. */
export function ourRequestLines(head: RequestHead, ctx: ForwardContext): string {
  let text = `${framingLine(head)}X-Forwarded-For: ${ctx.forwardedFor}\r\nX-Forwarded-Proto: ${ctx.proto}\r\n`;
  if (ctx.forwardedHost !== "") text += `X-Forwarded-Host: ${ctx.forwardedHost}\r\n`;
  if (ctx.forwarded !== "") text += safeLine("Forwarded", ctx.forwarded);
  text += `X-Real-IP: ${ctx.clientIp}\r\n`;
  if (ctx.clientSubject !== "") text += safeLine("X-Client-Cert-Subject", ctx.clientSubject);
  if (ctx.requestId !== "") text += `X-Request-ID: ${ctx.requestId}\r\n`;
  text += `Via: ${head.protocol} ${ctx.viaName}\r\n`;
  if (ctx.lbClientId !== "") text += safeLine("X-LB-Client-ID", ctx.lbClientId);
  if (ctx.lbHostname !== "") text += safeLine("X-LB-Hostname", ctx.lbHostname);
  if (head.maxForwards > 0) text += `Max-Forwards: ${head.maxForwards - 1}\r\n`;
  if (ctx.forwardExpect && head.expectContinue) text += "Expect: 100-continue\r\n";
  if (hasTrace(ctx)) text += traceLines(ctx.trace);
  if (ctx.identityOnly === true) text += "Accept-Encoding: identity\r\n";
  if (ctx.extra.length > 0) text += safeLines(ctx.extra);
  return text + connectionLines(head, ctx);
}

function hasTrace(ctx: ForwardContext): ctx is ForwardContext & { readonly trace: TraceFields } {
  return ctx.trace !== undefined && ctx.trace !== null && ctx.trace.traceparent !== "";
}

function traceLines({ traceparent, tracestate }: TraceFields): string {
  const line = `traceparent: ${traceparent}\r\n`;
  return tracestate === "" ? line : `${line}tracestate: ${tracestate}\r\n`;
}

function connectionLines(head: RequestHead, ctx: ForwardContext): string {
  const te = head.teTrailers ? "TE: trailers\r\n" : "";
  if (ctx.upgrade !== "") {
    return `${te}Upgrade: ${ctx.upgrade}\r\nConnection: ${te === "" ? "Upgrade" : "Upgrade, TE"}\r\n`;
  }
  if (ctx.close) return `${te}Connection: ${te === "" ? "close" : "close, TE"}\r\n`;
  return te === "" ? "" : `${te}Connection: TE\r\n`;
}

function sizeBound(head: RequestHead, ctx: ForwardContext): number {
  return (
    FIXED_BYTES +
    (head.end - head.start) +
    head.host.length +
    ctx.authority.length +
    ctx.basePath.length +
    ctx.clientIp.length +
    ctx.forwardedFor.length +
    ctx.forwardedHost.length +
    ctx.forwarded.length +
    ctx.clientSubject.length +
    ctx.requestId.length +
    ctx.viaName.length +
    ctx.lbClientId.length +
    ctx.lbHostname.length +
    ctx.upgrade.length +
    (ctx.trace?.traceparent.length ?? 0) +
    (ctx.trace?.tracestate.length ?? 0) +
    (ctx.extra.length > 0 ? linesLength(ctx.extra) : 0)
  );
}

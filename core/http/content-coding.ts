/** Whether a response may be sent in a content coding of ours, and what its head then says. */
import type { ContentCoding } from "./accept-encoding.ts";
import { compileGlob, type Glob } from "./glob.ts";
import type { RequestHead } from "./request-head.ts";
import type { ResponseHead } from "./response-head.ts";

/** How a response goes on where that is not as the backend sent it. */
export interface Representation {
  /** Content-Encoding of ours; "" = none. */
  coding: ContentCoding | "";
  /** In place of the backend's ETag; "" = that one stays. */
  etag: string;
  /** It depends on Accept-Encoding, and the backend does not say so. */
  varies: boolean;
}

export interface CodingRules {
  /** Tells whether a media type, in lower case and without parameters, is worth it. */
  readonly fits: (mediaType: string) => boolean;
  /** Bodies that are known to be smaller are left alone. */
  readonly minBytes: number;
  /** What the client would like best. */
  readonly preferred: (acceptEncoding: string | null) => ContentCoding | "";
}

const EVENT_STREAM = "text/event-stream";
/** A coding would put the proxy between the two ends of gRPC, which compress by themselves. */
const GRPC = "application/grpc";
/** What is said of the octets as they are: signed or hashed by the backend, and not ours to make anew. */
const DIGESTS = ["content-digest", "repr-digest", "digest", "content-md5", "signature"] as const;

/** Makes the test of a media type from patterns such as `text/*`; an event stream is meant only by its full name. */
export function mediaTypeTest(patterns: readonly string[]): (mediaType: string) => boolean {
  const lower = patterns.map((pattern) => pattern.toLowerCase());
  const exact = new Set(lower);
  const globs: Glob[] = lower
    .filter((pattern) => pattern.includes("*"))
    .map((pattern) => compileGlob(pattern));
  return (mediaType) => {
    if (exact.has(mediaType)) return true;
    if (mediaType === EVENT_STREAM || mediaType.startsWith(GRPC)) return false;
    return globs.some((glob) => glob(mediaType));
  };
}

/**
 * Says in `out` how the response goes on. Left alone is what has a coding already, is a part (206, Content-Range), has
 * no body, is vouched for octet by octet, or must not be transformed (RFC 9111 sections 5.2.1.6 and 5.2.2.6).
 */
export function judgeCoding(
  request: RequestHead,
  response: ResponseHead,
  rules: CodingRules,
  out: Representation,
): void {
  out.coding = "";
  out.etag = "";
  out.varies = false;
  if (response.status === 304) {
    judgeNotModified(request, response, out);
    return;
  }
  if (!isCodable(request, response, rules)) return;
  out.varies = !namesAcceptEncoding(response.join("vary"));
  out.coding = rules.preferred(request.join("accept-encoding"));
  if (out.coding !== "") out.etag = weakened(response.get("etag"));
}

/** Leaves out trailers that tell of the octets before they were coded; lines with their CRLF. */
export function codedTrailers(lines: Buffer): Buffer {
  if (lines.length === 0) return lines;
  const kept = lines
    .toString("latin1")
    .split("\r\n")
    .filter((line) => line !== "" && !isOfOctets(line.slice(0, line.indexOf(":")).toLowerCase()));
  return Buffer.from(kept.map((line) => `${line}\r\n`).join(""), "latin1");
}

function isOfOctets(name: string): boolean {
  return name === "etag" || DIGESTS.some((digest) => digest === name);
}

/** A client that holds our weak form of the validator is answered with that (RFC 9110 section 15.4.5). */
function judgeNotModified(request: RequestHead, response: ResponseHead, out: Representation): void {
  const weak = weakened(response.get("etag"));
  if (weak === "" || request.join("if-none-match")?.includes(weak) !== true) return;
  out.etag = weak;
  out.varies = !namesAcceptEncoding(response.join("vary"));
}

function isCodable(request: RequestHead, response: ResponseHead, rules: CodingRules): boolean {
  const { status, contentLength } = response;
  if (status < 200 || status === 204 || status === 205 || status === 206) return false;
  const isHead = request.method === "HEAD";
  if (response.framing === "none" && !isHead) return false;
  if (contentLength >= 0 && (contentLength < rules.minBytes || contentLength === 0)) return false;
  return fitsType(response, rules) && !isProtected(response) && !forbidsTransform(request, response);
}

function fitsType(response: ResponseHead, rules: CodingRules): boolean {
  const type = response.get("content-type");
  if (type === null) return false;
  const end = type.indexOf(";");
  return rules.fits((end < 0 ? type : type.slice(0, end)).trim().toLowerCase());
}

function isProtected(response: ResponseHead): boolean {
  if (response.find("content-encoding") >= 0 || response.find("content-range") >= 0) return true;
  return DIGESTS.some((name) => response.find(name) >= 0);
}

function forbidsTransform(request: RequestHead, response: ResponseHead): boolean {
  return hasNoTransform(request.join("cache-control")) || hasNoTransform(response.join("cache-control"));
}

function hasNoTransform(cacheControl: string | null): boolean {
  return cacheControl !== null && /(?:^|,)[ \t]*no-transform[ \t]*(?:,|$)/i.test(cacheControl);
}

function namesAcceptEncoding(vary: string | null): boolean {
  return vary !== null && /(?:^|,)[ \t]*(?:\*|accept-encoding)[ \t]*(?:,|$)/i.test(vary);
}

/** The weak form of a strong validator; "" for what is weak already or none. */
function weakened(etag: string | null): string {
  return etag !== null && /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag) ? `W/${etag}` : "";
}

/** Conditional requests and ranges, answered from a stored response (RFC 9110 sections 13 and 14, RFC 9111 section 4.3.2). */
import { parseHttpDate } from "./dates.ts";

/** What a stored response is compared by. */
export interface Validators {
  /** As sent; null without one. */
  readonly etag: string | null;
  readonly lastModified: string | null;
  /** NaN without one. */
  readonly lastModifiedMs: number;
  readonly dateMs: number;
}

/** Says whether the client has what is stored: 304 is enough. If-None-Match goes before If-Modified-Since. */
export function isNotModified(
  ifNoneMatch: string | null,
  ifModifiedSince: string | null,
  stored: Validators,
  nowMs: number,
): boolean {
  if (ifNoneMatch !== null) return listsTag(ifNoneMatch, stored.etag);
  if (ifModifiedSince === null) return false;
  const sinceMs = parseHttpDate(ifModifiedSince, nowMs);
  const changedMs = Number.isNaN(stored.lastModifiedMs) ? stored.dateMs : stored.lastModifiedMs;
  return changedMs <= sinceMs;
}

/** Bytes [start, end) of a body. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const ONE_RANGE = /^bytes=[ \t]*(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))[ \t]*$/i;

/**
 * Reads Range against a body of so many bytes. Null when the whole is to be sent: what is malformed, has another unit, or
 * asks for several parts at once (RFC 9110 section 14.2 lets us).
 */
export function rangeOf(range: string, length: number): ByteRange | "unsatisfiable" | null {
  const match = ONE_RANGE.exec(range);
  if (match === null) return null;
  const [, first, last, suffix] = match;
  if (suffix !== undefined) {
    const size = Math.min(Number(suffix), length);
    return size === 0 ? "unsatisfiable" : { start: length - size, end: length };
  }
  const start = Number(first);
  const end = last === undefined || last === "" ? length : Math.min(Number(last) + 1, length);
  if (last !== "" && last !== undefined && Number(last) < start) return null;
  return start >= length ? "unsatisfiable" : { start, end };
}

/** Says whether If-Range lets a part be sent: the very tag, a strong one, or the very date (RFC 9110 section 13.1.5). */
export function rangeHolds(ifRange: string | null, stored: Validators): boolean {
  if (ifRange === null) return true;
  const wanted = ifRange.trim();
  if (wanted.startsWith('"')) return wanted === stored.etag;
  return wanted === stored.lastModified && stored.dateMs - stored.lastModifiedMs >= 1000;
}

const TAG = /[ \t,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"|[^ \t,]+)/y;

/** Weak comparison with each tag of a list (RFC 9110 section 8.8.3.2); "*" fits any. */
function listsTag(list: string, etag: string | null): boolean {
  if (list.trim() === "*") return true;
  if (etag === null) return false;
  const wanted = opaque(etag);
  TAG.lastIndex = 0;
  for (let match = TAG.exec(list); match !== null; match = TAG.exec(list)) {
    if (opaque(match[1] ?? "") === wanted) return true;
  }
  return false;
}

function opaque(tag: string): string {
  return tag.startsWith("W/") ? tag.slice(2) : tag;
}

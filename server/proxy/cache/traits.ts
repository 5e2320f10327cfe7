/** What a request's fields say of whom and what its answer is for, beyond method and URI. */
import {
  AUTHORIZATION,
  COOKIE,
  IF_MATCH,
  IF_UNMODIFIED_SINCE,
  UNDERSCORED,
  X_API_KEY,
} from "../../../core/http/field-names.ts";
import type { RequestHead } from "../../../core/http/request-head.ts";

/** It may mean something else than its method and target say. */
export const UNKEYED = 1;
/** It says who asks. */
export const CREDENTIALS = 2;
export const COOKIES = 4;

/**
 * Fields from which frameworks take method, scheme, host or path. They are no part of the key, so that a request with
 * one must neither be answered from the cache nor fill it: anybody could choose what others get.
 */
const MEANS_ELSE: ReadonlySet<string> = new Set([
  "front-end-https",
  "x-forwarded-path",
  "x-forwarded-prefix",
  "x-forwarded-protocol",
  "x-forwarded-scheme",
  "x-forwarded-server",
  "x-forwarded-ssl",
  "x-forwarded-uri",
  "x-host",
  "x-http-host-override",
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-original-host",
  "x-original-uri",
  "x-original-url",
  "x-rewrite-url",
  "x-scheme",
  "x-url-scheme",
]);
/** Their names begin with one of these letters, in the five bits that both cases share. */
const FIRST_LETTERS = (1 << 0x06) | (1 << 0x18);
const LETTER = 0x1f;

/**
 * Looks once at every field. `keyed` are lower-case names that are part of the key. A name that is spelt with "_" is the
 * same to a CGI-style backend, and part of no key.
 */
export function traitsOf(head: RequestHead, keyed: readonly string[]): number {
  let traits = 0;
  for (let index = 0; index < head.count; index++) {
    const kind = head.kinds[index]! % UNDERSCORED;
    if (kind === 0) {
      const letter = head.bytes[head.nameStart[index]!]! & LETTER;
      if ((FIRST_LETTERS & (1 << letter)) !== 0 && meansElse(head.name(index), keyed)) traits |= UNKEYED;
    } else if (kind === COOKIE) traits |= COOKIES;
    else if (kind === AUTHORIZATION || kind === X_API_KEY) traits |= CREDENTIALS;
    // For the backend to judge (RFC 9111 section 4.3.2).
    else if (kind === IF_MATCH || kind === IF_UNMODIFIED_SINCE) traits |= UNKEYED;
  }
  return traits;
}

function meansElse(name: string, keyed: readonly string[]): boolean {
  const lower = name.toLowerCase();
  return MEANS_ELSE.has(lower.replaceAll("_", "-")) && !keyed.includes(lower);
}

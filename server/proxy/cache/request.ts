import { NO_WISHES, type RequestDirectives, requestDirectives } from "../../../core/cache/directives.ts";
import type { JudgedRequest } from "../../../core/cache/judge.ts";
import type { FieldLookup } from "../../../core/cache/vary.ts";
import type { RequestHead } from "../../../core/http/request-head.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { CacheOptions } from "./options.ts";
import { toldFields } from "./told-fields.ts";
import { COOKIES, CREDENTIALS, traitsOf, UNKEYED } from "./traits.ts";

/** What a GET or HEAD asks of the cache. */
export interface CacheRequest {
  readonly uri: string;
  readonly key: string;
  readonly isHead: boolean;
  readonly wishes: RequestDirectives;
  readonly judged: JudgedRequest;
  readonly range: string | null;
  readonly ifRange: string | null;
  readonly ifNoneMatch: string | null;
  readonly ifModifiedSince: string | null;
  /** Values of its fields as backends are told them, as long as the request lasts. */
  readonly fields: FieldLookup;
}

const ABSENT = "\u0001";

/** The backend is told of a certificate that the client has shown, and may answer for that client alone. */
function showsCertificate(fields: FieldLookup): boolean {
  return fields("x-client-cert-subject") !== null || fields("client-cert") !== null;
}

/** Reads a GET or HEAD without a body; null for one that the cache has no part in. */
export function cacheRequest(exchange: Exchange, options: CacheOptions): CacheRequest | null {
  const { head, facts } = exchange;
  if (head.host === "" || options.isExcluded(head.path)) return null;
  const traits = traitsOf(head, options.keyHeaders);
  if ((traits & UNKEYED) !== 0) return null;
  const uri = targetUri(head, facts.proto);
  const fields = toldFields(exchange);
  return {
    uri,
    key: keyOf(uri, exchange, fields, options.keyHeaders),
    isHead: head.method === "HEAD",
    wishes: wishesOf(head, options),
    judged: {
      hasCredentials: (traits & CREDENTIALS) !== 0 || showsCertificate(fields),
      hasCookie: (traits & COOKIES) !== 0,
      noStore: false,
    },
    range: head.get("range"),
    ifRange: head.get("if-range"),
    ifNoneMatch: head.join("if-none-match"),
    ifModifiedSince: head.get("if-modified-since"),
    fields,
  };
}

/** The URI that a request is about (RFC 9110 section 7.1), its default port left away. */
export function targetUri(head: RequestHead, proto: "http" | "https"): string {
  const raw = head.originStart === 0 ? head.target : head.target.slice(head.originStart);
  const target = raw.startsWith("/") ? raw : `/${raw}`;
  return `${proto}://${authorityOf(head.host, proto)}${target}`;
}

/** An authority in one spelling. */
export function authorityOf(host: string, proto: string): string {
  const lower = host.toLowerCase();
  const port = proto === "https" ? ":443" : ":80";
  return lower.endsWith(port) && !lower.endsWith(`:${port}`) ? lower.slice(0, -port.length) : lower;
}

/** What a trusted proxy says of the host is told to the backend, so that it counts. */
function keyOf(
  uri: string,
  { head, facts }: Exchange,
  fields: FieldLookup,
  keyHeaders: readonly string[],
): string {
  let key = uri;
  if (facts.forwardedHost !== head.host) key += `\n${facts.forwardedHost}`;
  for (const name of keyHeaders) key += `\n${fields(name) ?? ABSENT}`;
  return key;
}

function wishesOf(head: RequestHead, options: CacheOptions): RequestDirectives {
  const cacheControl = head.join("cache-control");
  const pragma = cacheControl === null ? head.join("pragma") : null;
  if (cacheControl === null && pragma === null) return NO_WISHES;
  const wishes = requestDirectives(cacheControl, pragma);
  if (options.heedsClients) return wishes;
  return { ...NO_WISHES, noStore: wishes.noStore, onlyIfCached: wishes.onlyIfCached };
}

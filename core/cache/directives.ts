/** Cache-Control (RFC 9111 section 5.2), its extensions of RFC 5861, and CDN-Cache-Control (RFC 9213), as values. */

/** Larger numbers of seconds mean this one (RFC 9111 section 1.2.2). */
const MAX_SECONDS = 2 ** 31;

/** By lower-case name, the value without its quotes, or null without one. Of a name that comes twice the first counts. */
export type Directives = ReadonlyMap<string, string | null>;

/** What a response says of its storage. Times in seconds, -1 without one. */
export interface ResponseDirectives {
  readonly noStore: boolean;
  /** Not to be used without asking; {@link noCacheFields} are not to be stored. */
  readonly noCache: boolean;
  readonly isPrivate: boolean;
  /** Lower-case names of fields that `no-cache` or `private` names. */
  readonly withheldFields: readonly string[];
  readonly isPublic: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly mustUnderstand: boolean;
  readonly maxAge: number;
  readonly sMaxAge: number;
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
}

/** What a client asks of caches. Times in seconds, -1 without one. */
export interface RequestDirectives {
  readonly noStore: boolean;
  readonly noCache: boolean;
  readonly onlyIfCached: boolean;
  readonly maxAge: number;
  readonly minFresh: number;
  /** Infinity when any age will do. */
  readonly maxStale: number;
  readonly staleIfError: number;
}

/** A request that says nothing. */
export const NO_WISHES: RequestDirectives = {
  noStore: false,
  noCache: false,
  onlyIfCached: false,
  maxAge: -1,
  minFresh: -1,
  maxStale: -1,
  staleIfError: -1,
};

const TOKEN_TEXT = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Reads a Cache-Control value, in time that is linear in its length. A member that is no directive is passed over. */
export function parseDirectives(text: string): Directives {
  const found = new Map<string, string | null>();
  for (let at = 0; at < text.length; ) {
    const end = memberEnd(text, at);
    const member = text.slice(at, end).trim();
    at = end + 1;
    const equals = member.indexOf("=");
    const name = equals < 0 ? member : member.slice(0, equals);
    if (!TOKEN_TEXT.test(name)) continue;
    const value = equals < 0 ? null : unquoted(member.slice(equals + 1));
    if (value !== undefined) add(found, name.toLowerCase(), value);
  }
  return found;
}

/** Reads what a response says, from Cache-Control or from CDN-Cache-Control. */
export function responseDirectives(directives: Directives): ResponseDirectives {
  const noCache = directives.get("no-cache");
  const priv = directives.get("private");
  return {
    noStore: directives.has("no-store"),
    noCache: noCache === null,
    isPrivate: priv === null,
    withheldFields: [...fieldNames(noCache), ...fieldNames(priv)],
    isPublic: directives.has("public"),
    mustRevalidate: directives.has("must-revalidate"),
    proxyRevalidate: directives.has("proxy-revalidate"),
    mustUnderstand: directives.has("must-understand"),
    maxAge: seconds(directives, "max-age", 0),
    sMaxAge: seconds(directives, "s-maxage", 0),
    staleWhileRevalidate: seconds(directives, "stale-while-revalidate", -1),
    staleIfError: seconds(directives, "stale-if-error", -1),
  };
}

/** Reads what a request asks for; `pragma` counts without Cache-Control only (RFC 9111 section 5.4). */
export function requestDirectives(cacheControl: string | null, pragma: string | null): RequestDirectives {
  if (cacheControl === null) {
    return pragma === null || !parseDirectives(pragma).has("no-cache")
      ? NO_WISHES
      : { ...NO_WISHES, noCache: true };
  }
  const directives = parseDirectives(cacheControl);
  return {
    noStore: directives.has("no-store"),
    noCache: directives.has("no-cache"),
    onlyIfCached: directives.has("only-if-cached"),
    maxAge: seconds(directives, "max-age", -1),
    minFresh: seconds(directives, "min-fresh", -1),
    maxStale:
      directives.get("max-stale") === null ? Number.POSITIVE_INFINITY : seconds(directives, "max-stale", -1),
    staleIfError: seconds(directives, "stale-if-error", -1),
  };
}

/** The number of a directive: -1 without it, `invalid` when it is none (RFC 9111 section 4.2.1: rather stale). */
function seconds(directives: Directives, name: string, invalid: number): number {
  const text = directives.get(name);
  if (text === undefined) return -1;
  if (text === null || !/^\d+$/.test(text)) return invalid;
  return Math.min(Number(text), MAX_SECONDS);
}

/** `no-cache` and `private` without names are the stricter, whichever comes first; names add up. */
function add(found: Map<string, string | null>, name: string, value: string | null): void {
  const before = found.get(name);
  if (before === undefined) found.set(name, value);
  else if (name === "no-cache" || name === "private") {
    found.set(name, before === null || value === null ? null : `${before},${value}`);
  }
}

function fieldNames(value: string | null | undefined): string[] {
  if (value === null || value === undefined) return [];
  return value
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");
}

/** What stands behind "=": a quoted string without its quotes, or what has neither quotes nor spaces before it. */
function unquoted(value: string): string | undefined {
  if (!value.startsWith('"')) return value === "" || /^[ \t]|"/.test(value) ? undefined : value;
  const isWhole = value.length > 1 && memberQuoteEnd(value, 0) === value.length - 1;
  return isWhole ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : undefined;
}

/** Where the member that begins at `at` ends: at the next comma that is not quoted. */
function memberEnd(text: string, at: number): number {
  for (let index = at; index < text.length; index++) {
    if (text[index] === ",") return index;
    if (text[index] === '"') index = memberQuoteEnd(text, index);
  }
  return text.length;
}

/** Where the quotes that open at `at` close; the end of the text when they do not. */
function memberQuoteEnd(text: string, at: number): number {
  for (let index = at + 1; index < text.length; index++) {
    if (text[index] === "\\") index++;
    else if (text[index] === '"') return index;
  }
  return text.length;
}

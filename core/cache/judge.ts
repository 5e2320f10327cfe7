/** Whether a response may be stored, and for how long it may be used (RFC 9111 sections 3 and 4.2). */
import { parseHttpDate } from "./dates.ts";
import { parseDirectives, type ResponseDirectives, responseDirectives } from "./directives.ts";
import { parseTargeted } from "./targeted.ts";
import { isVaryAny } from "./vary.ts";

/** What counts of a request when its response is judged. */
export interface JudgedRequest {
  /** It showed who asks, by Authorization, a key or a certificate. */
  readonly hasCredentials: boolean;
  readonly hasCookie: boolean;
  readonly noStore: boolean;
}

/** What counts of a response; texts are field values, several lines joined by ", ", null without the field. */
export interface JudgedResponse {
  readonly status: number;
  readonly cacheControl: string | null;
  readonly cdnCacheControl: string | null;
  readonly expires: string | null;
  readonly date: string | null;
  readonly age: string | null;
  readonly lastModified: string | null;
  readonly etag: string | null;
  readonly vary: string | null;
  readonly setsCookie: boolean;
}

/** When the request was sent and the head of the response came, by a clock that follows the calendar. */
export interface Times {
  readonly requestMs: number;
  readonly responseMs: number;
  /** The latter by a clock that never goes back: from here on the response ages. */
  readonly receivedMs: number;
}

/** What the operator has decided. */
export interface CacheRules {
  /** For responses that say nothing; 0 = they are not used. */
  readonly defaultTtlMs: number;
  /** Guess from Last-Modified (RFC 9111 section 4.2.2). */
  readonly heuristics: boolean;
  /** Store what sets cookies even without an express permission. */
  readonly storesCookies: boolean;
  /** How long past its time a response may be used on errors, and while it is being asked for again, unless it says otherwise. */
  readonly staleIfErrorMs: number;
  readonly staleWhileRevalidateMs: number;
}

/** How a stored response may be used. Times in milliseconds. */
export interface UseRules {
  readonly lifetimeMs: number;
  /** Age when it came (`corrected_initial_age`, RFC 9111 section 4.2.3), at {@link receivedMs}. */
  readonly initialAgeMs: number;
  readonly receivedMs: number;
  /** Never without asking, however fresh. */
  readonly alwaysAsks: boolean;
  /** Never stale, whatever a client or an operator allows. */
  readonly neverStale: boolean;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  /** It may answer requests that show who asks. */
  readonly forCredentials: boolean;
  /** Of Date, else when it came; of Last-Modified, NaN without. */
  readonly dateMs: number;
  readonly lastModifiedMs: number;
  /** Set-Cookie is stored with it. */
  readonly keepsCookies: boolean;
  /** Lower-case names of fields that are not stored. */
  readonly withheldFields: readonly string[];
}

/** Statuses that may be kept on a guess (RFC 9110 section 15.1); without 206, which is not stored. */
const HEURISTIC: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
/** Those that the operator's time counts for: success and lasting moves, no errors. */
const BY_DEFAULT: ReadonlySet<number> = new Set([200, 203, 301, 308]);
/** Statuses whose rules for caches are kept here, for must-understand. */
const UNDERSTOOD: ReadonlySet<number> = new Set(
  [200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 305, 307, 308].concat(
    [400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417],
    [421, 422, 426, 500, 501, 502, 503, 504, 505],
  ),
);

/**
 * About the message or the client rather than the URI: for anybody else the answer may be another one. Some must not be
 * stored whatever they say (RFC 6585 sections 3 to 6, RFC 8470 section 5.2); an attacker could choose what provokes others.
 */
const OF_THE_MESSAGE: ReadonlySet<number> = new Set([
  408, 411, 412, 413, 415, 416, 417, 421, 425, 426, 428, 429, 431, 511,
]);

/** A guess is this share of the time since the last change (RFC 9111 section 4.2.2), at most so long. */
const HEURISTIC_SHARE = 0.1;
const MAX_HEURISTIC_MS = 86_400_000;
const SECOND_MS = 1000;

/** Judges a response to a GET; null when it must not be stored, or storing it would be of no use. */
export function judge(
  request: JudgedRequest,
  response: JudgedResponse,
  times: Times,
  rules: CacheRules,
): UseRules | null {
  const targeted = response.cdnCacheControl === null ? null : parseTargeted(response.cdnCacheControl);
  const says = responseDirectives(targeted ?? parseDirectives(response.cacheControl ?? ""));
  if (request.noStore || !mayStore(request, response, says, rules)) return null;
  const dateMs = dateOf(response.date, times.responseMs);
  const lastModifiedMs =
    response.lastModified === null ? Number.NaN : parseHttpDate(response.lastModified, times.responseMs);
  const explicitMs = explicitLifetime(says, targeted === null ? response.expires : null, dateMs, times);
  const guessedMs = guess(request, response, says, { dateMs, lastModifiedMs }, rules);
  const isKept = explicitMs >= 0 || guessedMs >= 0 || isWorthAsking(request, response);
  if (!isKept) return null;
  const use: UseRules = {
    lifetimeMs: Math.max(0, explicitMs >= 0 ? explicitMs : guessedMs),
    initialAgeMs: initialAge(response.age, dateMs, times),
    receivedMs: times.receivedMs,
    alwaysAsks: says.noCache,
    neverStale: says.mustRevalidate || says.proxyRevalidate || says.noCache,
    ...staleness(says, rules),
    forCredentials: says.isPublic || says.mustRevalidate || says.sMaxAge >= 0,
    dateMs,
    lastModifiedMs,
    keepsCookies: rules.storesCookies || says.isPublic || says.sMaxAge >= 0,
    withheldFields: says.withheldFields,
  };
  return isUseful(use, response) ? use : null;
}

function mayStore(
  request: JudgedRequest,
  { status, vary, setsCookie }: JudgedResponse,
  says: ResponseDirectives,
  rules: CacheRules,
): boolean {
  if (status < 200 || status === 206 || status === 304 || OF_THE_MESSAGE.has(status)) return false;
  // RFC 9111 section 5.2.2.3: who understands the status may pass over the no-store beside it.
  if (says.mustUnderstand ? !UNDERSTOOD.has(status) : says.noStore) return false;
  if (says.isPrivate || (vary !== null && isVaryAny(vary))) return false;
  const isShared = says.isPublic || says.sMaxAge >= 0;
  if (request.hasCredentials && !isShared && !says.mustRevalidate) return false;
  return !setsCookie || rules.storesCookies || isShared;
}

/** Lifetime that the response states, -1 without one (RFC 9111 section 4.2.1). */
function explicitLifetime(
  says: ResponseDirectives,
  expires: string | null,
  dateMs: number,
  { responseMs }: Times,
): number {
  if (says.sMaxAge >= 0) return says.sMaxAge * SECOND_MS;
  if (says.maxAge >= 0) return says.maxAge * SECOND_MS;
  if (expires === null) return -1;
  const expiresMs = parseHttpDate(expires, responseMs);
  // What is no date lies in the past (RFC 9111 section 5.3).
  return Number.isNaN(expiresMs) ? 0 : Math.max(0, expiresMs - dateMs);
}

/** Lifetime that we give a response which states none, -1 for none. What a cookie may have shaped is not guessed about. */
function guess(
  request: JudgedRequest,
  response: JudgedResponse,
  says: ResponseDirectives,
  { dateMs, lastModifiedMs }: { readonly dateMs: number; readonly lastModifiedMs: number },
  rules: CacheRules,
): number {
  if (request.hasCookie || response.setsCookie) return -1;
  const mayGuess = HEURISTIC.has(response.status) || says.isPublic;
  if (rules.heuristics && mayGuess && lastModifiedMs <= dateMs) {
    return Math.min(MAX_HEURISTIC_MS, (dateMs - lastModifiedMs) * HEURISTIC_SHARE);
  }
  return rules.defaultTtlMs > 0 && BY_DEFAULT.has(response.status) ? rules.defaultTtlMs : -1;
}

/** It states no lifetime, but can be asked for by its validator. */
function isWorthAsking(request: JudgedRequest, response: JudgedResponse): boolean {
  if (request.hasCookie || response.setsCookie || !HEURISTIC.has(response.status)) return false;
  return response.etag !== null || response.lastModified !== null;
}

/** Neither fresh, nor to be asked for by a validator, nor of use when stale: not worth its memory. */
function isUseful(use: UseRules, { etag, lastModified }: JudgedResponse): boolean {
  if (etag !== null || lastModified !== null) return true;
  if (use.alwaysAsks) return false;
  return use.lifetimeMs > use.initialAgeMs || (!use.neverStale && use.staleWhileRevalidateMs > 0);
}

/** s-maxage alone forbids staleness that the response does not allow itself (RFC 9111 section 5.2.2.10). */
function staleness(
  says: ResponseDirectives,
  rules: CacheRules,
): Pick<UseRules, "staleWhileRevalidateMs" | "staleIfErrorMs"> {
  const byDefault = says.sMaxAge < 0;
  const given = (seconds: number, otherwise: number): number =>
    seconds >= 0 ? seconds * SECOND_MS : byDefault ? otherwise : 0;
  return {
    staleWhileRevalidateMs: given(says.staleWhileRevalidate, rules.staleWhileRevalidateMs),
    staleIfErrorMs: given(says.staleIfError, rules.staleIfErrorMs),
  };
}

/** RFC 9111 section 4.2.3. Of several ages the first counts, what is no number does not (section 5.1). */
function initialAge(age: string | null, dateMs: number, { requestMs, responseMs }: Times): number {
  const first = age === null ? "" : (age.split(",", 1)[0] ?? "").trim();
  const ageMs = /^\d+$/.test(first) ? Math.min(Number(first), 2 ** 31) * SECOND_MS : 0;
  const apparentMs = Math.max(0, responseMs - dateMs);
  return Math.max(apparentMs, ageMs + Math.max(0, responseMs - requestMs));
}

function dateOf(date: string | null, responseMs: number): number {
  const ms = date === null ? Number.NaN : parseHttpDate(date, responseMs);
  return Number.isNaN(ms) ? responseMs : ms;
}

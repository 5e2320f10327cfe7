import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { NO_WISHES, requestDirectives } from "../../../core/cache/directives.ts";
import { type CacheRules, type JudgedResponse, judge, type UseRules } from "../../../core/cache/judge.ts";
import { ageAt, freshFor, mayReplaceError, type Reuse, reuse } from "../../../core/cache/reuse.ts";

const NOW = Date.UTC(2026, 5, 1);
const TIMES = { requestMs: NOW, responseMs: NOW, receivedMs: 0 };
const ANYBODY = { hasCredentials: false, hasCookie: false, noStore: false };
const RULES: CacheRules = {
  defaultTtlMs: 0,
  heuristics: true,
  storesCookies: false,
  staleIfErrorMs: 0,
  staleWhileRevalidateMs: 0,
};
const date = (offsetSeconds: number) => new Date(NOW + offsetSeconds * 1000).toUTCString();

function response(fields: Partial<JudgedResponse>): JudgedResponse {
  return {
    status: 200,
    cacheControl: null,
    cdnCacheControl: null,
    expires: null,
    date: date(0),
    age: null,
    lastModified: null,
    etag: null,
    vary: null,
    setsCookie: false,
    ...fields,
  };
}

/** How long it is fresh from now, in seconds; null when it is not stored. */
function freshSeconds(fields: Partial<JudgedResponse>, rules: Partial<CacheRules> = {}): number | null {
  const use = judge(ANYBODY, response(fields), TIMES, { ...RULES, ...rules });
  return use === null ? null : freshFor(use, 0) / 1000;
}

const cc = (cacheControl: string, more: Partial<JudgedResponse> = {}) => ({ cacheControl, ...more });

describe("lifetime (RFC 9111 section 4.2.1)", () => {
  test.each<[string, Partial<JudgedResponse>, number | null]>([
    ["max-age", cc("max-age=10"), 10],
    ["s-maxage goes before max-age", cc("max-age=10, s-maxage=20"), 20],
    ["max-age goes before Expires", cc("max-age=10", { expires: date(-5) }), 10],
    ["Expires counts from Date", { expires: date(10), date: date(-20) }, 10],
    ["Expires without Date counts from now", { expires: date(10), date: null }, 10],
    ["an Expires that is no date has passed", { expires: "0", etag: '"a"' }, 0],
    ["Age is taken off", cc("max-age=10", { age: "4" }), 6],
    ["of several ages the first counts", cc("max-age=10", { age: "4, 9" }), 6],
    ["an Age that is no number does not count", cc("max-age=10", { age: "4;a=b" }), 10],
    ["an old Date is age too", cc("max-age=10", { date: date(-3) }), 7],
    [
      "CDN-Cache-Control goes before all",
      cc("no-store", { cdnCacheControl: "max-age=9", expires: date(-9) }),
      9,
    ],
    ["malformed it does not count", cc("max-age=5", { cdnCacheControl: "max-age=9, &" }), 5],
    ["a tenth of the time since the last change", { lastModified: date(-100) }, 10],
    ["at most a day of it", { lastModified: date(-86_400 * 365) }, 86_400],
    ["not for a status that may change", { status: 403, lastModified: date(-100) }, null],
    ["unless it is public", cc("public", { status: 599, lastModified: date(-100) }), 10],
    ["nothing said, nothing stored", {}, null],
    ["nothing said but a validator", { etag: '"a"' }, 0],
  ])("%s", (_what, fields, seconds) => {
    expect(freshSeconds(fields)).toBe(seconds);
  });

  test("the operator's own time is for what says nothing", () => {
    const rules = { defaultTtlMs: 60_000 };
    expect(freshSeconds({}, rules)).toBe(60);
    expect(freshSeconds(cc("max-age=5"), rules)).toBe(5);
    expect(freshSeconds({ status: 404 }, rules)).toBeNull();
    expect(freshSeconds({ lastModified: date(-100) }, rules)).toBe(10);
    expect(freshSeconds({ lastModified: date(-100) }, { ...rules, heuristics: false })).toBe(60);
    const withCookie = { ...ANYBODY, hasCookie: true };
    expect(judge(withCookie, response({}), TIMES, { ...RULES, ...rules })).toBeNull();
    expect(judge(withCookie, response(cc("max-age=5")), TIMES, RULES)).not.toBeNull();
  });

  test("the time that the backend took is age (RFC 9111 section 4.2.3)", () => {
    const slow = { ...TIMES, requestMs: NOW - 2000 };
    const use = judge(ANYBODY, response(cc("max-age=10", { age: "1" })), slow, RULES);
    expect(use?.initialAgeMs).toBe(3000);
  });
});

describe("what may be stored (RFC 9111 section 3)", () => {
  test.each<[string, Partial<JudgedResponse>]>([
    ["no-store", cc("max-age=10, no-store")],
    ["private", cc("max-age=10, private")],
    ["a part", cc("max-age=10", { status: 206 })],
    ["304 by itself", cc("max-age=10", { status: 304 })],
    ["Vary: *", cc("max-age=10", { vary: "a, *" })],
    ["cookies", cc("max-age=10", { setsCookie: true })],
    ["must-understand with a status that is not", cc("max-age=10, must-understand", { status: 599 })],
    ["always asked for, but without a validator", cc("max-age=10, no-cache")],
    ["stale from the start, but without a validator", cc("max-age=0")],
  ])("not %s", (_what, fields) => {
    expect(freshSeconds(fields)).toBeNull();
  });

  test.each<[string, Partial<JudgedResponse>]>([
    ["any status that says so", cc("max-age=10", { status: 499 })],
    ["private fields alone", cc('max-age=10, private="x"')],
    ["public cookies", cc("max-age=10, public", { setsCookie: true })],
    ["no-store that must be understood, and is", cc("max-age=10, no-store, must-understand")],
  ])("%s", (_what, fields) => {
    expect(freshSeconds(fields)).toBe(10);
  });

  test("of a request that shows who asks only what says so (section 3.5)", () => {
    const known = { ...ANYBODY, hasCredentials: true };
    const stored = (text: string) => judge(known, response(cc(text)), TIMES, RULES);
    expect(stored("max-age=10")).toBeNull();
    for (const text of ["max-age=10, public", "s-maxage=10", "max-age=10, must-revalidate"]) {
      expect(stored(text)?.forCredentials).toBe(true);
    }
    expect(judge({ ...ANYBODY, noStore: true }, response(cc("max-age=10")), TIMES, RULES)).toBeNull();
  });
});

function useOf(text: string, rules: Partial<CacheRules> = {}): UseRules {
  const judged = judge(ANYBODY, response(cc(text, { etag: '"a"' })), TIMES, { ...RULES, ...rules });
  if (judged === null) throw new Error("not stored");
  return judged;
}

describe("use (RFC 9111 section 4.2.4, RFC 5861)", () => {
  test.each<[string, string | null, number, Reuse]>([
    ["max-age=10", null, 9, "fresh"],
    ["max-age=10", null, 10, "ask"],
    ["max-age=10", "no-cache", 1, "ask"],
    ["max-age=10", "max-age=0", 0, "ask"],
    ["max-age=10", "max-age=5", 5, "fresh"],
    ["max-age=10", "max-age=5", 6, "ask"],
    ["max-age=10", "min-fresh=5", 4, "fresh"],
    ["max-age=10", "min-fresh=5", 6, "ask"],
    ["max-age=10", "max-stale=5", 15, "stale"],
    ["max-age=10", "max-stale=5", 16, "ask"],
    ["max-age=10", "max-stale", 1e6, "stale"],
    ["max-age=10, must-revalidate", "max-stale", 11, "ask"],
    ["max-age=10, proxy-revalidate", "max-stale", 11, "ask"],
    ["max-age=10, no-cache", null, 1, "ask"],
    ["max-age=10, stale-while-revalidate=5", null, 14, "refresh"],
    ["max-age=10, stale-while-revalidate=5", null, 15, "ask"],
    ["s-maxage=10, stale-while-revalidate=5", null, 14, "refresh"],
    ["max-age=10, stale-while-revalidate=5, must-revalidate", null, 14, "ask"],
  ])("%s, asked with %p after %d s: %s", (text, wishes, seconds, expected) => {
    expect(reuse(useOf(text), requestDirectives(wishes, null), seconds * 1000)).toBe(expected);
  });

  test("errors are replaced within the time that is allowed", () => {
    const allowed = (text: string, seconds: number, rules: Partial<CacheRules> = {}) =>
      mayReplaceError(useOf(text, rules), NO_WISHES, seconds * 1000);
    expect(allowed("max-age=10, stale-if-error=5", 14)).toBe(true);
    expect(allowed("max-age=10, stale-if-error=5", 15)).toBe(false);
    expect(allowed("max-age=10", 11)).toBe(false);
    const rules = { staleIfErrorMs: 5000 };
    expect(allowed("max-age=10", 14, rules)).toBe(true);
    expect(allowed("max-age=10, stale-if-error=0", 11, rules)).toBe(false);
    expect(allowed("s-maxage=10", 11, rules)).toBe(false);
    expect(allowed("max-age=10, must-revalidate", 11, rules)).toBe(false);
    expect(mayReplaceError(useOf("max-age=10"), requestDirectives("stale-if-error=5", null), 14_000)).toBe(
      true,
    );
  });

  test("ages grow with the clock and with nothing else, and never go back", () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), (lifetime, first, more) => {
        const rules = useOf(`max-age=${lifetime}`);
        expect(ageAt(rules, first + more) - ageAt(rules, first)).toBe(more);
        expect(freshFor(rules, first)).toBe(lifetime * 1000 - first);
        expect(ageAt(rules, -5)).toBe(0);
      }),
    );
  });
});

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { isNotModified } from "../../../core/cache/conditions.ts";
import { parseHttpDate } from "../../../core/cache/dates.ts";
import {
  NO_WISHES,
  parseDirectives,
  requestDirectives,
  responseDirectives,
} from "../../../core/cache/directives.ts";
import { parseTargeted } from "../../../core/cache/targeted.ts";
import { isVaryAny, variantKey, varyNames } from "../../../core/cache/vary.ts";

const NOW = Date.UTC(2026, 5, 1);

function says(text: string) {
  return responseDirectives(parseDirectives(text));
}

/** What a request with those fields says in those that are named. */
function key(names: string[], fields: Record<string, string>): string {
  return variantKey(names, (name) => fields[name] ?? null);
}

describe("Cache-Control", () => {
  test.each([
    ["max-age=3600", 3600],
    ["MaX-AgE=3600", 3600],
    ["max-age=003600", 3600],
    ['max-age="3600"', 3600],
    ["max-age=99999999999", 2 ** 31],
    ["foo, max-age=10, bar=baz", 10],
    [',, max-age=10 ,a="x, max-age=1"', 10],
    ['a="x, max-age=1", max-age=10', 10],
    ['a="\\", max-age=1", max-age=10', 10],
    ["max-age=5, max-age=7", 5],
    ["max-age=-1", 0],
    ["max-age=3600.5", 0],
    ["max-age=a1", 0],
    ["max-age='3600'", 0],
    ["max-age", 0],
    ["max-age =3600", -1],
    ["max-age= 3600", -1],
    ["", -1],
    ["x-max-age=3", -1],
  ])("%s has a max-age of %d", (text, seconds) => {
    expect(says(text).maxAge).toBe(seconds);
  });

  test("no-cache and private name fields, and without names mean all", () => {
    expect(says('no-cache="A, b", private=c')).toMatchObject({
      noCache: false,
      isPrivate: false,
      withheldFields: ["a", "b", "c"],
    });
    expect(says('no-cache="a", No-Cache')).toMatchObject({ noCache: true });
    expect(says('private, private="a"')).toMatchObject({ isPrivate: true });
  });

  test("a request's wishes; Pragma counts without Cache-Control only", () => {
    expect(requestDirectives(null, null)).toBe(NO_WISHES);
    expect(requestDirectives(null, "no-cache")).toMatchObject({ noCache: true });
    expect(requestDirectives("max-age=5", "no-cache")).toMatchObject({ noCache: false, maxAge: 5 });
    expect(requestDirectives("max-stale, min-fresh=3, only-if-cached", null)).toMatchObject({
      maxStale: Number.POSITIVE_INFINITY,
      minFresh: 3,
      onlyIfCached: true,
    });
    expect(requestDirectives("max-stale=9, max-age=x", null)).toMatchObject({ maxStale: 9, maxAge: -1 });
  });

  test("hostile lengths take no more than linear time", () => {
    const length = 60_000;
    for (const text of [",", "a= ", `a=${" ".repeat(9)}b`, '"', 'a="', "\\", 'a="\\', "a=b ", "=,"]) {
      const started = performance.now();
      parseDirectives(text.repeat(length / text.length));
      parseDirectives(`a=b${" ".repeat(length)}c, ${text.repeat(1000)}`);
      parseTargeted(text.repeat(length / text.length));
      isNotModified(
        text.repeat(length / text.length),
        null,
        { etag: '"x"', lastModified: null, lastModifiedMs: 0, dateMs: 0 },
        0,
      );
      expect(performance.now() - started).toBeLessThan(500);
    }
  });

  test("any text is read to its end", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "b", "=", '"', ",", "\\", " ", "\t", "-", ";", "'", "0") }),
        (text) => {
          parseDirectives(text);
          expect(parseDirectives(`${text.replaceAll(/["\\]/g, "")}, no-store`).has("no-store")).toBe(true);
        },
      ),
    );
  });
});

describe("CDN-Cache-Control", () => {
  test.each([
    ["max-age=60", { "max-age": "60" }],
    ['a, max-age=60;x=1;y="z", b=?0, c=?1', { a: null, "max-age": "60", c: null }],
    ["no-store", { "no-store": null }],
    ["foo", { foo: null }],
  ])("%s", (text, expected) => {
    expect(Object.fromEntries(parseTargeted(text) ?? [])).toEqual(expected);
  });

  test.each([
    "",
    "MaX-Age=1",
    "max-age =1",
    "max-age= 1",
    'max-age="1"',
    "max-age",
    "max-age=1, &&&",
    "max-age=1,",
    "max-age=1.5",
  ])("%s does not count", (text) => {
    expect(parseTargeted(text)).toBeNull();
  });
});

describe("dates", () => {
  const SUNDAY = Date.UTC(1994, 10, 6, 8, 49, 37);

  test.each([
    ["Sun, 06 Nov 1994 08:49:37 GMT", SUNDAY],
    ["sUN, 06 nOV 1994 08:49:37 gmt", SUNDAY],
    ["Sunday, 06-Nov-94 08:49:37 GMT", SUNDAY],
    ["Sun Nov  6 08:49:37 1994", SUNDAY],
    ["Friday, 01-Jan-38 01:01:01 GMT", Date.UTC(2038, 0, 1, 1, 1, 1)],
    ["Thu, 29 Feb 2024 00:00:00 GMT", Date.UTC(2024, 1, 29)],
    ["Sat, 31 Dec 2016 23:59:60 GMT", Date.UTC(2017, 0, 1)],
  ])("%s", (text, ms) => {
    expect(parseHttpDate(text, NOW)).toBe(ms);
  });

  test.each([
    "0",
    "",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun 06 Nov 1994 08:49:37 GMT",
    "Sun, 06  Nov 1994 08:49:37 GMT",
    "Sun, 06-Nov-1994 08:49:37 GMT",
    "Sun, 06 Nov 94 08:49:37 GMT",
    "Sun, 06 Nov 1994 8:49:37 GMT",
    "Sun, 06 Nov 1994 08.49.37 GMT",
    "Thu, 29 Feb 2023 00:00:00 GMT",
    "Sun, 06 Nov 1994 24:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
  ])("%s is none", (text) => {
    expect(parseHttpDate(text, NOW)).toBeNaN();
  });

  test("what is written can be read", () => {
    const seconds = fc.integer({ min: 0, max: 4_102_444_800 });
    fc.assert(
      fc.property(seconds, (second) => {
        expect(parseHttpDate(new Date(second * 1000).toUTCString(), NOW)).toBe(second * 1000);
      }),
    );
  });
});

describe("Vary", () => {
  test("names are one list, whatever their case and order", () => {
    expect(varyNames("B, a,, A")).toEqual(["a", "b"]);
    expect(isVaryAny("a, *")).toBe(true);
    expect(isVaryAny("*a")).toBe(false);
  });

  test("whitespace and the order of languages do not count, absence does", () => {
    expect(key(["foo"], { foo: "1,2" })).toBe(key(["foo"], { foo: " 1 ,  2" }));
    expect(key(["foo"], { foo: "1,2" })).not.toBe(key(["foo"], { foo: "2,1" }));
    expect(key(["foo"], { foo: "a" })).not.toBe(key(["foo"], { foo: "A" }));
    expect(key(["foo"], {})).not.toBe(key(["foo"], { foo: "" }));
    const language = ["accept-language"];
    expect(key(language, { "accept-language": "de, EN ;q=0.5" })).toBe(
      key(language, { "accept-language": "en;q=0.5,De" }),
    );
  });

  test("values of two fields are not mistaken for each other", () => {
    expect(key(["a", "b"], { a: "1" })).not.toBe(key(["a", "b"], { b: "1" }));
  });
});

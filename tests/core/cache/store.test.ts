import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { isNotModified, rangeHolds, rangeOf } from "../../../core/cache/conditions.ts";
import { fieldIn, linesWithout } from "../../../core/cache/lines.ts";
import { Entry, Store } from "../../../core/cache/store.ts";
import { isPurged } from "../../../core/plane/cache.ts";
import { CacheVersions } from "../../../core/table/cache-versions.ts";

const USE = {
  lifetimeMs: 1000,
  initialAgeMs: 0,
  receivedMs: 0,
  alwaysAsks: false,
  neverStale: false,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  forCredentials: false,
  dateMs: 0,
  lastModifiedMs: Number.NaN,
  keepsCookies: false,
  withheldFields: [],
};

function entry(key: string, bytes = 100, more: Partial<Entry> = {}): Entry {
  return new Entry({
    key,
    uri: key,
    status: 200,
    reason: "OK",
    body: Buffer.alloc(bytes),
    lines: "",
    use: USE,
    etag: null,
    lastModified: null,
    varyNames: [],
    variant: "",
    version: 0,
    ...more,
  });
}

const nothing = () => null;

function variant(value: string, bytes: number): Entry {
  return entry("k", bytes, { varyNames: ["foo"], variant: `${value}\u0000` });
}

describe("the store", () => {
  test("keeps within its bounds whatever is added, used and removed", () => {
    const keys = fc.integer({ min: 0, max: 30 });
    const acts = fc.tuple(fc.constantFrom("add", "use", "remove", "reserve"), keys, fc.nat(3000));
    fc.assert(
      fc.property(fc.array(acts, { maxLength: 200 }), (list) => {
        let told: readonly number[] = [0, 0];
        const onSize = (...sizes: number[]) => {
          told = sizes;
        };
        const store = new Store({ entries: 8, bytes: 20_000 }, { onEvicted: () => {}, onSize });
        let reserved = 0;
        for (const [act, number, bytes] of list) {
          const key = `k${number}`;
          const found = store.find(key, nothing);
          if (act === "add") store.add(entry(key, bytes));
          else if (act === "use" && found !== null) store.touch(found);
          else if (act === "remove" && found !== null) store.remove(found);
          else if (act === "reserve" && store.reserve(bytes)) reserved += bytes;
          const all = [...store.all()];
          expect(all.length).toBe(store.entries);
          expect(all.reduce((sum, each) => sum + each.bytes, 0)).toBe(store.bytes);
          expect(told).toEqual([store.entries, store.bytes]);
          expect(store.entries).toBeLessThanOrEqual(8);
          expect(store.bytes + reserved).toBeLessThanOrEqual(20_000);
          for (const each of all) expect(store.find(each.key, nothing)).toBe(each);
        }
      }),
    );
  });

  test("what is used outlives a scan of what is used once", () => {
    let evicted = 0;
    const store = new Store({ entries: 10, bytes: 1e6 }, { onEvicted: () => evicted++, onSize: () => {} });
    for (let hot = 0; hot < 5; hot++) store.add(entry(`hot${hot}`));
    for (let cold = 0; cold < 200; cold++) {
      store.add(entry(`cold${cold}`));
      for (let hot = 0; hot < 5; hot++) {
        const found = store.find(`hot${hot}`, nothing);
        if (found !== null) store.touch(found);
      }
    }
    for (let hot = 0; hot < 5; hot++) expect(store.find(`hot${hot}`, nothing)).not.toBeNull();
    expect(evicted).toBe(195);
  });

  test("variants stand beside each other, and the like replaces the like", () => {
    const store = new Store({ entries: 100, bytes: 1e6 });
    store.add(variant("1", 1));
    store.add(variant("2", 2));
    store.add(variant("1", 3));
    expect(store.entries).toBe(2);
    expect(store.find("k", () => "1")?.body.length).toBe(3);
    expect(store.find("k", () => "2")?.body.length).toBe(2);
    expect(store.find("k", () => "3")).toBeNull();
    for (let number = 0; number < 100; number++) store.add(variant(`v${number}`, 1));
    expect(store.entries).toBe(32);
  });

  test("what is larger than all of it is not taken, and room for arriving bodies is bounded", () => {
    const store = new Store({ entries: 10, bytes: 10_000 });
    expect(store.add(entry("a", 10_000))).toBe(false);
    expect(store.reserve(5000)).toBe(true);
    expect(store.reserve(1)).toBe(false);
    store.release(5000);
    expect(store.reserve(1)).toBe(true);
  });

  test("purges", () => {
    const store = new Store({ entries: 10, bytes: 1e6 });
    const uris = ["http://a/x", "http://a/x?1", "http://a/xy", "http://b/x", "https://a/x"];
    for (const uri of uris) store.add(entry(uri));
    const left = (purge: Parameters<typeof isPurged>[1]) =>
      uris.filter((uri) => !isPurged(uri, purge)).length;
    expect(left({ kind: "all" })).toBe(0);
    expect(left({ kind: "url", value: "http://a/x" })).toBe(4);
    expect(left({ kind: "url", value: "/x" })).toBe(2);
    expect(left({ kind: "prefix", value: "/x?" })).toBe(4);
    expect(left({ kind: "prefix", value: "http://a/" })).toBe(2);
    expect(store.purge(({ uri }) => uri.startsWith("http://a/"))).toBe(3);
    expect([...store.all()].map(({ uri }) => uri)).toEqual(["https://a/x", "http://b/x"]);
  });
});

test("versions move on for all who look at the same buffer", () => {
  const shared = CacheVersions.allocate(true);
  const [here, there] = [new CacheVersions(shared), new CacheVersions(shared)];
  const before = there.of("http://a/x");
  here.moveOn("http://a/x");
  expect(there.of("http://a/x")).toBe(before + 1);
  expect(there.of("http://a/y")).toBe(0);
});

function day(number: number): string {
  return new Date(Date.UTC(2026, 4, number)).toUTCString();
}

describe("conditions (RFC 9110 section 13)", () => {
  const dateMs = Date.UTC(2026, 5, 1);
  const stored = {
    etag: '"b"',
    lastModified: day(10),
    lastModifiedMs: Date.UTC(2026, 4, 10),
    dateMs,
  };

  test.each<[string | null, string | null, boolean]>([
    ['"b"', null, true],
    ['W/"b"', null, true],
    ['"a", "b" ,"c"', null, true],
    ['"a,b"', null, false],
    ["*", null, true],
    ["b", null, false],
    ['"a"', day(20), false],
    ['"b"', day(1), true],
    [null, day(10), true],
    [null, day(9), false],
    [null, "yesterday", false],
    [null, null, false],
  ])("If-None-Match %p, If-Modified-Since %p: %p", (tags, since, expected) => {
    expect(isNotModified(tags, since, stored, dateMs)).toBe(expected);
  });

  test.each<[string, ReturnType<typeof rangeOf>]>([
    ["bytes=0-1", { start: 0, end: 2 }],
    ["bytes=2-", { start: 2, end: 10 }],
    ["bytes=2-99", { start: 2, end: 10 }],
    ["bytes=-3", { start: 7, end: 10 }],
    ["bytes=-99", { start: 0, end: 10 }],
    ["bytes=10-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=5-2", null],
    ["bytes=0-1,4-5", null],
    ["lines=0-1", null],
    ["bytes=", null],
  ])("%s of 10 bytes", (range, expected) => {
    expect(rangeOf(range, 10)).toEqual(expected);
  });

  test("If-Range takes the very validator", () => {
    expect(rangeHolds(null, stored)).toBe(true);
    expect(rangeHolds('"b"', stored)).toBe(true);
    expect(rangeHolds('W/"b"', { ...stored, etag: 'W/"b"' })).toBe(false);
    expect(rangeHolds(day(10), stored)).toBe(true);
    expect(rangeHolds(day(11), stored)).toBe(false);
  });
});

test("lines are read and left away by name, whatever its case", () => {
  const lines = "ETag: a\r\nX: 1\r\nx: 2\r\n";
  expect(fieldIn(lines, "x")).toBe("1, 2");
  expect(fieldIn(lines, "etag")).toBe("a");
  expect(fieldIn(lines, "none")).toBeNull();
  expect(linesWithout(lines, (name) => name === "x")).toBe("ETag: a\r\n");
});

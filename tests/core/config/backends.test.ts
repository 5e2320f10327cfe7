import { describe, expect, test } from "bun:test";
import { backendFaults, backendIdOf } from "../../../core/config/checks/backend-checks.ts";
import { diffConfigs, HIDDEN, shownConfig } from "../../../core/config/runtime/diff.ts";
import {
  changedBackends,
  NO_CHANGES,
  withBackend,
  withKeys,
  withoutBackend,
  withTerms,
} from "../../../core/config/runtime/runtime-changes.ts";
import type { BackendConfig } from "../../../core/config/schema/backend-schema.ts";
import { server, serverErrors } from "./support.ts";

const ORIGIN = { persist: true, by: "test", at: 0 };

function faultsOf(...backends: BackendConfig[]): string[] {
  return backendFaults(backends).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

describe("an entry of backends", () => {
  test("has an id, its own or that of its address", () => {
    expect(backendIdOf({ id: "a", url: "http://b:1" })).toBe("a");
    expect(backendIdOf({ url: "http://app.internal" })).toBe("app.internal:80");
    expect(backendIdOf({ url: "https://[2001:db8::1]/x" })).toBe("2001:db8::1:443");
    expect(backendIdOf({ dns: "h2c://app:9000" })).toBe("app:9000");
    expect(backendIdOf({ endpoints: [{ url: "http://c:8080", paths: [] }] })).toBe("c:8080");
  });

  test("needs one place, and a right one", () => {
    expect(faultsOf({ id: "a" })).toEqual([
      "backends.0: needs one of url, endpoints and dns: where it takes requests",
    ]);
    expect(faultsOf({ url: "http://a", dns: "a:1" })).toEqual([
      "backends.0: must have only one of url, endpoints and dns",
    ]);
    expect(faultsOf({ url: "ftp://a" }, { endpoints: [{ url: "http://u:p@a", paths: [] }] })).toEqual([
      'backends.0.url: must be an absolute http://, https://, h2:// or h2c:// URL, got "ftp://a"',
      "backends.1.endpoints.0.url: must have no credentials",
    ]);
  });

  test("has an id that can be one, also when it is made from its address", () => {
    const long = "host-".repeat(30);
    const rule = "1 to 128 letters, digits or . _ : @ + ~ -, but not purge, purge-pending, . or ..";
    expect(faultsOf({ url: `http://${long}` }, { url: "http://a!b" })).toEqual([
      `backends.0: needs an id: that of its address, "${long.slice(0, 60)}…", would not be ${rule}`,
      `backends.1: needs an id: that of its address, "a!b:80", would not be ${rule}`,
    ]);
    expect(faultsOf({ id: "a", url: `http://${long}` })).toEqual([]);
  });

  test("has an id that no other has", () => {
    expect(faultsOf({ url: "http://a:80" }, { id: "a:80", url: "http://b" })).toEqual([
      'backends.1.id: "a:80" is backends[0] already; give it another id',
    ]);
  });

  test("may be the backup of a backup, but not in a circle", () => {
    const chain = [
      { id: "a", url: "http://a" },
      { id: "b", url: "http://b", backup: "a" },
      { id: "c", url: "http://c", backup: "b" },
      { id: "d", url: "http://d", backup: "an agent's" },
      { id: "e", url: "http://e", backup: true },
    ];
    expect(faultsOf(...chain)).toEqual([]);
    const circle = chain.map((each) => (each.id === "a" ? { ...each, backup: "c" } : each));
    expect(faultsOf(...circle)).toEqual([
      "backends.0.backup: goes in a circle: a → c → b → a",
      "backends.1.backup: goes in a circle: b → a → c → b",
      "backends.2.backup: goes in a circle: c → b → a → c",
    ]);
    expect(faultsOf({ id: "a", url: "http://a", backup: "a" })).toEqual([
      "backends.0.backup: must not be the backup of itself",
    ]);
  });

  test("are judged in no time when there are many, in one chain or one circle", () => {
    const many = Array.from({ length: 10_000 }, (_, at) => {
      return { id: `b${at}`, url: `http://b${at}`, backup: `b${(at + 1) % 10_000}` };
    });
    const beginMs = performance.now();
    expect(faultsOf(...many.slice(1))).toEqual([]);
    expect(faultsOf(...many)[3]).toBe(
      "backends.3.backup: goes in a circle: b3 → b4 → b5 → b6 → b7 → b8 → b9 → b10 → b11 → b12 → … → b3",
    );
    expect(performance.now() - beginMs).toBeLessThan(2000);
  });

  test("must not be one of many without any weight", () => {
    expect(faultsOf({ url: "http://a", weight: 0 }, { url: "http://b", weight: 0 })).toEqual([
      "backends: must not all have weight 0: no request could be sent anywhere",
    ]);
    expect(faultsOf({ url: "http://a", weight: 0 }, { url: "http://b" })).toEqual([]);
  });

  test.each([
    ["backends: [{url: 'http://a', weight: -1}]", "weight"],
    ["backends: [{url: 'http://a', tags: ['a b']}]", "tags"],
    ["backends: [{dns: 'a'}]", "dns"],
    ["backends: [{url: 'http://a', location: {lat: 91, lon: 0}}]", "lat"],
    ["backends: [{url: 'http://a', wieght: 1}]", "did you mean weight?"],
  ])("with a wrong value is told where: %s", (text, part) => {
    expect(serverErrors(text).join("\n")).toContain(part);
  });
});

describe("changes at run time", () => {
  const listed: BackendConfig[] = [
    { id: "a", url: "http://a" },
    { id: "b", url: "http://b", weight: 2 },
  ];

  test("make another list of the configuration's, and leave that as it was", () => {
    let changes = withTerms(NO_CHANGES, "a", { weight: 5 }, ORIGIN);
    changes = withTerms(changes, "a", { tags: ["x"] }, ORIGIN);
    changes = withBackend(changes, { id: "c", url: "http://c" }, ORIGIN);
    changes = withTerms(changes, "c", { weight: 7 }, ORIGIN);
    changes = withoutBackend(changes, "b", true, ORIGIN);
    expect(changedBackends(listed, changes)).toEqual([
      { id: "a", url: "http://a", weight: 5, tags: ["x"] },
      { id: "c", url: "http://c", weight: 7 },
    ]);
    expect(changedBackends(listed, withoutBackend(changes, "c", false, ORIGIN))).toHaveLength(1);
    expect(
      changedBackends(listed, withBackend(changes, { id: "b", url: "http://b2" }, ORIGIN)),
    ).toContainEqual({
      id: "b",
      url: "http://b2",
    });
    expect(listed).toHaveLength(2);
  });

  test("of single backends end where a later list names them", () => {
    let changes = withTerms(NO_CHANGES, "a", { weight: 5 }, ORIGIN);
    changes = withoutBackend(changes, "b", true, ORIGIN);
    changes = withBackend(changes, { id: "c", url: "http://c" }, ORIGIN);
    changes = withBackend(changes, { id: "d", url: "http://d" }, ORIGIN);
    const list = [...listed, { id: "c", url: "http://c2" }];
    changes = withKeys(changes, { backends: list }, [], ORIGIN);
    expect(changedBackends(list, changes)).toEqual([...list, { id: "d", url: "http://d" }]);
    expect(withKeys(changes, {}, ["backends"], ORIGIN)).toEqual(NO_CHANGES);
  });

  test("win over the file, and go when they are unset", () => {
    const once = withKeys(NO_CHANGES, { workers: 3 }, [], { ...ORIGIN, persist: false });
    const both = withKeys(once, { stale_minutes: 9 }, [], ORIGIN);
    expect(both.keys.map(({ key }) => key)).toEqual(["workers", "stale_minutes"]);
    expect(withKeys(both, {}, ["workers", "stale_minutes"], ORIGIN)).toEqual(NO_CHANGES);
  });
});

describe("what is told of a configuration", () => {
  test("hides every secret, also in differences", () => {
    const before = server("server_key: sesame\napi_keys: [other, {key: third, scopes: [read]}]");
    const after = { ...before, server_key: "new", api_keys: ["other"], stale_minutes: 9 };
    const text = JSON.stringify([shownConfig(before), diffConfigs(before, after)]);
    for (const secret of ["sesame", "other", "third", "new"]) expect(text).not.toContain(`"${secret}"`);
    expect(diffConfigs(before, after)).toEqual([
      { key: "stale_minutes", from: 5, to: 9 },
      { key: "server_key", from: HIDDEN, to: HIDDEN },
      {
        key: "api_keys",
        from: [HIDDEN, { key: HIDDEN, key_file: "", name: "", scopes: ["read"] }],
        to: [HIDDEN],
      },
    ]);
  });

  test("names backends one by one", () => {
    const before = server("backends: [{id: a, url: 'http://a'}, {id: b, url: 'http://b'}]");
    const after = {
      ...before,
      backends: [
        { id: "a", url: "http://a", weight: 3 },
        { id: "c", url: "http://c" },
      ],
    };
    expect(diffConfigs(before, after)).toEqual([
      { key: "backends.a.weight", from: null, to: 3 },
      { key: "backends.b", from: { id: "b", url: "http://b" }, to: null },
      { key: "backends.c", from: null, to: { id: "c", url: "http://c" } },
    ]);
  });
});

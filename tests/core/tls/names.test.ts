import { describe, expect, test } from "bun:test";
import { tlsFor } from "../../../core/tls/backend-tls.ts";
import { findByName, fitsName } from "../../../core/tls/names.ts";

describe("names of certificates (RFC 9525 section 6.3)", () => {
  test.each([
    ["a.test", "a.test", true],
    ["a.test", "b.test", false],
    ["*.a.test", "x.a.test", true],
    ["*.a.test", "a.test", false],
    ["*.a.test", "x.y.a.test", false],
    ["*.a.test", ".a.test", false],
    ["*a.test", "xa.test", false],
  ])("%s for %s: %p", (pattern, name, expected) => {
    expect(fitsName(pattern, name)).toBe(expected);
  });

  test("an exact name goes before a wildcard, whatever their order; case and a last dot mean nothing", () => {
    const entries = [{ names: ["*.a.test"] }, { names: ["b.test", "x.a.test"] }];
    expect(["X.A.test", "y.a.test", "b.test.", "c.test"].map((name) => findByName(entries, name))).toEqual([
      1, 0, 1, -1,
    ]);
  });
});

describe("how TLS is spoken to a backend", () => {
  const rules = [
    { host: "one.test", verify: false, ca: "", serverName: "" },
    { host: "*.two.test", verify: true, ca: "own", serverName: "other.test" },
    { host: "10.0.0.1", verify: true, ca: "", serverName: "named.test" },
  ];
  test.each([
    ["One.test", { serverName: "One.test", verify: false, ca: "all" }],
    ["x.two.test", { serverName: "other.test", verify: true, ca: "own" }],
    ["10.0.0.1", { serverName: "named.test", verify: true, ca: "all" }],
    ["10.0.0.2", { serverName: "", verify: true, ca: "all" }],
    ["::1", { serverName: "", verify: true, ca: "all" }],
  ])("%s", (host, expected) => {
    expect(tlsFor(host, { rules, ca: "all", verify: true })).toEqual(expected);
  });

  test("what is off for all is on for nobody", () => {
    expect(tlsFor("x.two.test", { rules, ca: "", verify: false }).verify).toBe(false);
  });
});

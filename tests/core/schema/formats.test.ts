import { describe, expect, test } from "bun:test";
import { isIP } from "node:net";
import * as fc from "fast-check";
import { FORMATS } from "../../../core/schema/formats.ts";

const CASES: Readonly<Record<string, { readonly good: readonly string[]; readonly bad: readonly string[] }>> =
  {
    "agent-address": {
      good: ["", "unknown", "10.0.0.1", "2001:db8::1"],
      bad: ["nonsense", "999.1.1.1", "10.0.0.1\n", "10.0.0.1:80", "a.example"],
    },
    cidr: {
      good: ["1.2.3.4", "10.0.0.0/8", "0.0.0.0/0", "::1", "fe80::/10", "::ffff:1.2.3.4/128", "2001:db8::1"],
      bad: [
        "",
        "1.2.3",
        "1.2.3.4/33",
        "01.2.3.4",
        "1.2.3.4/",
        "1.2.3.4/8/8",
        "::1/129",
        "1::2::3",
        "host",
        "[::1]",
      ],
    },
    "dns-target": {
      good: ["app.internal:8080", "http://app:80", "h2c://app.internal:9000"],
      bad: ["", "app", "app:0", "app:65536", "10.0.0.1:80", "https://app:443", "app:80/path", ":80"],
    },
    strategy: {
      good: ["resource", "least_connections", "leastconnections", "Least-Conn", "weighted", "iphash", "p2c"],
      bad: ["", "best", "round", "robin", "least", "round_robin,random"],
    },
    "dns-server": {
      good: ["10.0.0.53", "10.0.0.53:5353", "2001:db8::53", "[2001:db8::53]:53", "127.0.0.1:65535"],
      bad: [
        "",
        "ns.example",
        "ns.example:53",
        "10.0.0.53:0",
        "10.0.0.53:65536",
        "10.0.0.53:",
        "[10.0.0.53]:53",
      ],
    },
    host: {
      good: ["0.0.0.0", "::", "localhost", "a.b-c.example", "xn--bcher-kva"],
      bad: ["", "300.1.1.1", "a b", "-a", "a..b", "http://a", "a:80", "[::1]"],
    },
    "http-url": {
      good: ["http://a", "https://a:1/x?y=z", "http://[::1]:80", "HTTP://a/"],
      bad: [
        "",
        "a",
        "ftp://a",
        "http://",
        "http:///x",
        "http:a",
        "http://a b",
        "http://u:p@a",
        "http://a:99999",
        "http:\\\\a",
      ],
    },
    "base-url": { good: ["http://a/", "https://a:1/x"], bad: ["http://a?x", "http://a/#x", "http://u@a"] },
    origin: {
      good: ["*", "https://a.example", "http://localhost:3000"],
      bad: ["", "a.example", "https://a/x", "https://a b"],
    },
    "header-name": { good: ["X-Tier", "x_y"], bad: ["", "a b", "a:", "é"] },
    "path-pattern": {
      good: ["/", "*", "/*", "/api", "/api/*/users", "*.png"],
      bad: ["", "api", "/a b", "/a#b", "/ü", "/a\n"],
    },
    "path-prefix": {
      good: ["/", "*", "/*", "/api", "/a/b/"],
      bad: ["", "api", "/api/*", "/a?b", "/a b", "**"],
    },
    "url-path": { good: ["/health", "/h?x=1"], bad: ["", "health", "/a b", "/a#b"] },
    token: { good: ["lite", "a.b-c_1"], bad: ["", "a b", "é", "a/b", "x".repeat(129)] },
    path: { good: ["a", "/x y/z"], bad: ["a\u0000b", "a\nb"] },
  };

describe.each(Object.entries(CASES))("%s", (name, { good, bad }) => {
  test.each([...good])("takes %p", (text) => {
    expect(FORMATS[name]?.test(text)).toBe(true);
  });
  test.each([...bad])("refuses %p", (text) => {
    expect(FORMATS[name]?.test(text)).toBe(false);
  });
});

test("every format has cases", () => {
  expect(Object.keys(CASES).toSorted()).toEqual(Object.keys(FORMATS).toSorted());
});

test("addresses are judged as the operating system's library judges them", () => {
  const addressish = fc.string({ unit: fc.constantFrom("0", "1", "25", "f", ":", "::", "."), maxLength: 24 });
  const ipv6 = fc.ipV6().filter((text) => !text.includes("%"));
  fc.assert(
    fc.property(fc.oneof(addressish, fc.ipV4(), ipv6), (text) => {
      expect(FORMATS.cidr?.test(text)).toBe(isIP(text) !== 0);
    }),
    { numRuns: 2000 },
  );
});

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { compileGlob } from "../../../core/http/glob.ts";
import { compilePatterns, pathPrefixes } from "../../../core/http/path-match.ts";

/** Literal reading of the pattern language, one rule a line; exponential, so for short texts only. */
function matchesSlowly(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  const rest = pattern.slice(1);
  if (pattern[0] === "*")
    return matchesSlowly(rest, text) || (text !== "" && matchesSlowly(pattern, text.slice(1)));
  return text !== "" && (pattern[0] === "?" || pattern[0] === text[0]) && matchesSlowly(rest, text.slice(1));
}

/** The documented precedence, by scoring every pattern of every endpoint. */
function endpointSlowly(patterns: readonly (readonly string[])[], path: string): number {
  let best = { endpoint: -1, rank: [0, 0] as readonly [number, number] };
  patterns.forEach((list, endpoint) => {
    const ranks = list.length === 0 ? [[1, 0] as const] : list.map((pattern) => rankOf(pattern, path));
    for (const rank of ranks) {
      const better = rank[0] > best.rank[0] || (rank[0] === best.rank[0] && rank[1] > best.rank[1]);
      if (better && rank[0] > 0) best = { endpoint, rank };
    }
  });
  return best.endpoint;
}

/** Class (4 exact, 3 prefix, 2 wildcard, 0 no match) and length. */
function rankOf(pattern: string, path: string): readonly [number, number] {
  if (pattern === "") return [0, 0];
  const wild = pattern.includes("*") || pattern.includes("?");
  if (!wild && pattern === path) return [4, pattern.length];
  const boundary = pattern.endsWith("/") ? pattern : `${pattern}/`;
  if (!wild && path.startsWith(boundary)) return [3, pattern.length];
  return wild && matchesSlowly(pattern, path) ? [2, pattern.length] : [0, 0];
}

describe("wildcards", () => {
  test.each([
    ["/api/*/users", "/api/v1/users", true],
    ["/api/*/users", "/api/users", false],
    ["/api/*/users", "/api/a/b/users", true],
    ["/api/*", "/api/", true],
    ["/api/*", "/api", false],
    ["/api/*", "/apiary", false],
    ["/*", "/", true],
    ["/*", "/anything/at/all", true],
    ["*", "", true],
    ["/v?", "/v1", true],
    ["/v?", "/v", false],
    ["/v?", "/v/", true],
    ["/**/x", "/a/x", true],
    ["/caf\u0119*", "/caf\x19", false],
  ])("%s and %s: %p", (pattern, path, expected) => {
    expect(compileGlob(pattern)(path)).toBe(expected);
  });

  test("agree with the literal definition", () => {
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "/", "*", "?"), maxLength: 7 });
    const text = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 9 });
    fc.assert(
      fc.property(pattern, text, (glob, path) => compileGlob(glob)(path) === matchesSlowly(glob, path)),
      { numRuns: 2000 },
    );
  });

  test("patterns longer than a machine word, and what would make a backtracking matcher explode", () => {
    const long = `/${"?".repeat(70)}*${"ab".repeat(20)}`;
    expect(compileGlob(long)(`/${"x".repeat(90)}${"ab".repeat(20)}`)).toBe(true);
    expect(compileGlob(long)(`/${"x".repeat(69)}${"ab".repeat(20)}`)).toBe(false);
    expect(compileGlob(`/${"a*".repeat(30)}b`)(`/${"a".repeat(65_536)}`)).toBe(false);
  });
});

describe("endpoints of a backend", () => {
  test("the precedence of the manual's example", () => {
    const match = compilePatterns({
      patterns: [["/v1", "/api", "/auth"], ["/monitor/*"], ["/api/*/users"], ["/*"]],
    });
    const endpoints = ["/api", "/api/x", "/api/v1/users", "/monitor/cpu", "/monitor", "/apiary", "/"].map(
      match,
    );
    expect(endpoints).toEqual([0, 0, 0, 1, 3, 3, 3]);
  });

  test("an endpoint without patterns takes what is left; nothing left is -1", () => {
    expect(compilePatterns({ patterns: [["/a"], [], []] })("/b")).toBe(1);
    expect(compilePatterns({ patterns: [["/a"], [""]] })("/b")).toBe(-1);
    expect(compilePatterns({ patterns: [] })("/b")).toBe(-1);
  });

  test("agree with scoring every pattern", () => {
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "/", "/", "*", "?"), maxLength: 5 });
    const groups = fc.array(
      fc.array(
        pattern.map((text) => `/${text}`),
        { maxLength: 4 },
      ),
      { maxLength: 4 },
    );
    const paths = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 7 }).map((text) => `/${text}`);
    fc.assert(
      fc.property(groups, paths, (patterns, path) => {
        expect(compilePatterns({ patterns })(path)).toBe(endpointSlowly(patterns, path));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("proxy_endpoints", () => {
  test.each([
    [["/"], "/x", true],
    [["*"], "/x", true],
    [["/*"], "/x", true],
    [["/api"], "/api", true],
    [["/api"], "/api/x", true],
    [["/api"], "/apiary", false],
    [["/api/"], "/api/x", true],
    [["/api/"], "/api", false],
    [["/a", "/b"], "/b/c", true],
    [["/a/*/c"], "/a/b/c", true],
    [[], "/x", false],
  ])("%j and %s: %p", (prefixes, path, expected) => {
    expect(pathPrefixes(prefixes)(path)).toBe(expected);
  });
});

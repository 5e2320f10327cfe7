/** Which endpoint of a backend serves a path, and which paths are proxied at all. Paths are raw: nothing is decoded. */
import type { PathGroup } from "../plane/snapshot.ts";
import { compileGlob, type Glob } from "./glob.ts";

/** Index of the endpoint that serves the raw path, or -1. */
export type EndpointMatcher = (path: string) => number;

interface PrefixRule {
  readonly prefix: string;
  readonly endpoint: number;
}

interface WildcardRule {
  /** What stands before the first wildcard: refuses most paths at once. */
  readonly literal: string;
  readonly length: number;
  readonly matches: Glob;
  readonly endpoint: number;
}

/**
 * Compiles the patterns of a group. Precedence: exact, then prefix on a segment boundary, then wildcard; among
 * equals the longer pattern, then the earlier endpoint. An endpoint without patterns serves what nothing else does.
 */
export function compilePatterns(group: PathGroup): EndpointMatcher {
  const exact = new Map<string, number>();
  const prefixes: PrefixRule[] = [];
  const wildcards: WildcardRule[] = [];
  let catchAll = -1;
  group.patterns.forEach((patterns, endpoint) => {
    if (patterns.length === 0 && catchAll < 0) catchAll = endpoint;
    for (const pattern of patterns) {
      if (pattern === "") continue;
      if (/[*?]/.test(pattern)) wildcards.push(wildcardRule(pattern, endpoint));
      else {
        if (!exact.has(pattern)) exact.set(pattern, endpoint);
        prefixes.push({ prefix: pattern, endpoint });
      }
    }
  });
  // Sorting is stable: patterns of equal length keep the order of their endpoints.
  prefixes.sort((left, right) => right.prefix.length - left.prefix.length);
  wildcards.sort((left, right) => right.length - left.length);
  return (path) => {
    const endpoint = exact.get(path) ?? prefixEndpoint(prefixes, path) ?? wildcardEndpoint(wildcards, path);
    return endpoint ?? catchAll;
  };
}

/** Compiles `proxy_endpoints`: prefixes on segment boundaries; "/", "*" and "/*" are every path; an empty list is none. */
export function pathPrefixes(prefixes: readonly string[]): (path: string) => boolean {
  if (prefixes.length === 0) return () => false;
  if (coversAllPaths(prefixes)) return () => true;
  const matcher = compilePatterns({ patterns: [prefixes] });
  return (path) => matcher(path) >= 0;
}

/** Tells whether a list of `proxy_endpoints` names every path. */
export function coversAllPaths(prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => prefix === "/" || prefix === "*" || prefix === "/*");
}

function wildcardRule(pattern: string, endpoint: number): WildcardRule {
  const literal = pattern.slice(0, pattern.search(/[*?]/));
  return { literal, length: pattern.length, matches: compileGlob(pattern), endpoint };
}

function prefixEndpoint(rules: readonly PrefixRule[], path: string): number | undefined {
  for (const { prefix, endpoint } of rules) {
    if (path.startsWith(prefix) && isBoundary(path, prefix)) return endpoint;
  }
  return undefined;
}

/** "/api" covers "/api/x" but not "/apiary"; "/api/" covers all that starts with it. */
function isBoundary(path: string, prefix: string): boolean {
  return path.length === prefix.length || prefix.endsWith("/") || path[prefix.length] === "/";
}

function wildcardEndpoint(rules: readonly WildcardRule[], path: string): number | undefined {
  for (const rule of rules) {
    if (path.startsWith(rule.literal) && rule.matches(path)) return rule.endpoint;
  }
  return undefined;
}

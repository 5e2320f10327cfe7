import type { PathGroup } from "../plane/snapshot.ts";

/** Index of the endpoint that serves the raw path, or -1. */
export type EndpointMatcher = (path: string) => number;

/** Compiles the patterns of a group: exact, then prefix on a segment boundary, then wildcard; longer wins, then earlier. */
export function compilePatterns(_group: PathGroup): EndpointMatcher {
  throw new Error("pending");
}

/** Compiles `proxy_endpoints`: prefixes on segment boundaries; "/", "*" and "/*" are every path; an empty list is none. */
export function pathPrefixes(_prefixes: readonly string[]): (path: string) => boolean {
  throw new Error("pending");
}

import type { ServerConfig } from "../config/schema/server-schema.ts";
import { compilePatterns } from "../http/path-match.ts";
import { type StrategyName, strategyNamed } from "./strategies/names.ts";

type ProxyEndpoints = ServerConfig["proxy_endpoints"];

/** The path prefixes that are proxied. */
export function proxiedPaths(endpoints: ProxyEndpoints): string[] {
  return endpoints.map((entry) => (typeof entry === "string" ? entry : entry.path));
}

/**
 * Compiles the strategies that `proxy_endpoints` gives its paths: of the entries that cover a path the longest decides, to
 * null where it names none. Null when no entry names any.
 */
export function strategyByPath(endpoints: ProxyEndpoints): ((path: string) => StrategyName | null) | null {
  const strategies = endpoints.map((entry) =>
    typeof entry === "string" ? null : strategyNamed(entry.strategy ?? ""),
  );
  if (strategies.every((strategy) => strategy === null)) return null;
  const patterns = proxiedPaths(endpoints).map((path) => [path === "*" || path === "/*" ? "/" : path]);
  const match = compilePatterns({ patterns });
  return (path) => strategies[match(path)] ?? null;
}

/** Whether any request may go by `ip_hash`, whose key then has to be known. */
export function hashesRequests(config: ServerConfig): boolean {
  const names = [
    config.strategy,
    ...config.tiers.map(({ strategy }) => strategy),
    ...config.proxy_endpoints.map((entry) => (typeof entry === "string" ? "" : entry.strategy)),
  ];
  return names.some((name) => strategyNamed(name ?? "") === "ip_hash");
}

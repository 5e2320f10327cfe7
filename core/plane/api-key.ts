/** Keys of management, and what each may do. */

/** `agent`: report for a backend; `route`: ask for a backend; `read`: look; `metrics`: at figures alone; `admin`: everything. */
export const SCOPES = ["agent", "route", "read", "metrics", "admin"] as const;

export type Scope = (typeof SCOPES)[number];

export interface ApiKey {
  /** For the log; never the key itself. */
  readonly name: string;
  readonly key: string;
  readonly scopes: readonly Scope[];
}

const READERS: readonly Scope[] = ["read"];
const MONITORS: readonly Scope[] = ["read", "metrics"];
const ROUTERS: readonly Scope[] = ["route"];
const EXPLAINERS: readonly Scope[] = ["route", "read"];
const AGENTS: readonly Scope[] = ["agent"];
const NOBODY_ELSE: readonly Scope[] = [];
const PURGES: ReadonlySet<string> = new Set(["/clients/purge", "/clients/purge-pending"]);

/** Whether a key is for metrics and nothing else: it does not make management ask others for a key. */
export function isMetricsOnly({ scopes }: Pick<ApiKey, "scopes">): boolean {
  return scopes.every((scope) => scope === "metrics");
}

/** Whether a key may see what is known of backends. */
export function mayRead({ scopes }: Pick<ApiKey, "scopes">): boolean {
  return scopes.includes("read") || scopes.includes("admin");
}

/**
 * Gives the scopes of which any one is enough for a call, beside `admin`, which always is. What a path does not have
 * as a method is answered the same for every key, so that it may count as anything.
 */
export function scopesFor(method: string, path: string, metricsPath = "/metrics"): readonly Scope[] {
  if (path === metricsPath) return MONITORS;
  if (path === "/register" || path === "/stats") return AGENTS;
  if (path === "/route") return ROUTERS;
  if (path === "/route/explain") return EXPLAINERS;
  // Who may read what happens need not learn who did it.
  if (path === "/audit") return NOBODY_ELSE;
  if (method === "GET" || method === "HEAD" || method === "OPTIONS") return READERS;
  if (path.startsWith("/leases/")) return ROUTERS;
  // Of its own backend alone: the control plane asks for the agent's token.
  if (path.startsWith("/clients/") && !PURGES.has(path)) return AGENTS;
  return NOBODY_ELSE;
}

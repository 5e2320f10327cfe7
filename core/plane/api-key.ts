/** Keys of management, and what each may do. */

/** `agent`: report for a backend; `route`: ask for a backend; `read`: look; `admin`: all of it, and the rest. */
export const SCOPES = ["agent", "route", "read", "admin"] as const;

export type Scope = (typeof SCOPES)[number];

export interface ApiKey {
  /** For the log; never the key itself. */
  readonly name: string;
  readonly key: string;
  readonly scopes: readonly Scope[];
}

const READERS: readonly Scope[] = ["read"];
const ROUTERS: readonly Scope[] = ["route"];
const EXPLAINERS: readonly Scope[] = ["route", "read"];
const AGENTS: readonly Scope[] = ["agent"];
const NOBODY_ELSE: readonly Scope[] = [];
const PURGES: ReadonlySet<string> = new Set(["/clients/purge", "/clients/purge-pending"]);

/**
 * Gives the scopes of which any one is enough for a call, beside `admin`, which always is. What a path does not have
 * as a method is answered the same for every key, so that it may count as anything.
 */
export function scopesFor(method: string, path: string): readonly Scope[] {
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

/** Takes up what the database knows when the server starts. */
import { parseEndpointUrl } from "../../../core/plane/endpoint-url.ts";
import type { PathGroupPool } from "../../../core/plane/path-groups.ts";
import type { Endpoint } from "../../../core/plane/snapshot.ts";
import { hashStickyId } from "../../../core/table/sticky-table.ts";
import type { StoredBackend } from "../store/rows.ts";
import type { Admitted, BackendRecord } from "./backend-record.ts";
import type { RegistryDeps } from "./registry-types.ts";

/** Claims a row for each stored backend; it counts as seen now, so that its agent has one stale window to come back. */
export function restoreRecords(deps: RegistryDeps, groups: PathGroupPool): BackendRecord[] {
  const records: BackendRecord[] = [];
  for (const stored of deps.store.loadBackends()) {
    const clientId = stored.registration.client_id;
    const admitted = toAdmitted(stored, deps);
    if (admitted === null) {
      deps.log.warn("a backend of the database is left out: its endpoints may not be used (any more)", {
        client_id: clientId,
        endpoints: stored.endpoints.map((endpoint) => endpoint.url),
      });
      continue;
    }
    const claimed = deps.tables.backends.claimRow(hashStickyId(clientId));
    if (claimed === null) {
      deps.log.error("backends of the database are left out: raise max_backends", { client_id: clientId });
      break;
    }
    records.push({
      clientId,
      ...claimed,
      source: "agent",
      terms: {},
      resources: undefined,
      admitted,
      pathGroup: groups.take(admitted.patterns).index,
      ownership: { tokenHash: stored.tokenHash, tokenShown: stored.tokenShown },
      createdMs: stored.createdMs,
      lastSeenMs: stored.lastSeenMs,
      loadedMs: deps.now(),
      lastReport: stored.report,
      health: "unknown",
      latencyMs: 0,
      checkedAtMs: null,
      drainedBy: stored.drainedBy,
    });
  }
  return records;
}

/** Loads the sticky sessions of restored backends; the number loaded. */
export function restoreSticky(
  deps: RegistryDeps,
  recordOf: (clientId: string) => BackendRecord | undefined,
): number {
  const tierOf = new Map(deps.tiers.map((tier, index) => [tier.name, index]));
  let loaded = 0;
  const sinceMs = deps.now() - deps.config.sticky_ttl_seconds * 1000;
  for (const sticky of deps.store.loadSticky(sinceMs, deps.config.max_sticky_entries)) {
    const record = recordOf(sticky.clientId);
    const tier = tierOf.get(sticky.tier);
    if (record === undefined || tier === undefined) continue;
    const epoch = deps.tables.backends.epoch(record.row);
    const { row, generation } = record;
    const lastUseMs = sticky.lastUsedMs;
    deps.tables.sticky.assign({ ...hashStickyId(sticky.stickyId), tier, row, generation, epoch, lastUseMs });
    loaded++;
  }
  return loaded;
}

/** Names are not resolved here: what they stand for is checked when they are connected to. */
function toAdmitted(stored: StoredBackend, deps: RegistryDeps): Admitted | null {
  const endpoints: Endpoint[] = [];
  for (const { url } of stored.endpoints) {
    const parsed = parseEndpointUrl(url);
    if (!parsed.ok) return null;
    const { host, port } = parsed.endpoint.origin;
    if (deps.policy.checkHost(host, port, stored.loopbackAllowed) !== null) return null;
    endpoints.push(parsed.endpoint);
  }
  if (endpoints.length === 0) return null;
  const { registration, loopbackAllowed } = stored;
  return { registration, endpoints, patterns: stored.endpoints.map(({ paths }) => paths), loopbackAllowed };
}

/** What operators ask about backends: `GET /clients`, the two purges, `GET /leases`. */
import type { LeaseAnswer, LeaseListAnswer } from "../../../core/wire/lease.ts";
import { json } from "./answers.ts";
import { clientView } from "./client-view.ts";
import type { ApiDeps, Operation } from "./deps.ts";

export function backendOperations(deps: ApiDeps): Operation[] {
  return [
    {
      methods: ["GET"],
      path: "/clients",
      tag: "backends",
      summary: "List the backends with what they last reported.",
      query: { active_only: "`true` leaves out backends unseen for `stale_minutes`." },
      answers: { 200: "An array, ordered by `client_id`." },
      handle: ({ query }) => {
        const onlyActive = query.get("active_only") === "true";
        const states = deps.registry.list(deps.now());
        return json(states.filter(({ active }) => active || !onlyActive).map(clientView));
      },
    },
    {
      methods: ["POST", "DELETE"],
      path: "/clients/purge",
      tag: "backends",
      summary: "Forget every backend unseen for `stale_minutes`.",
      answers: { 200: "How many were forgotten." },
      handle: async () => {
        const now = deps.now();
        const { cachePurged, dbPurged } = await deps.registry.purgeStale(now);
        return json({
          cache_purged: cachePurged,
          db_purged: dbPurged,
          purged: cachePurged + dbPurged,
          status: "success",
          timestamp: new Date(now).toISOString(),
        });
      },
    },
    {
      methods: ["POST", "DELETE"],
      path: "/clients/purge-pending",
      tag: "backends",
      summary: "End every lease.",
      answers: { 200: "How many were ended." },
      handle: () => {
        const now = deps.now();
        const purged = deps.registry.purgeLeases();
        return json({ purged, status: "success", timestamp: new Date(now).toISOString() });
      },
    },
    {
      methods: ["GET"],
      path: "/leases",
      tag: "routing",
      summary: "List the capacity that is held, oldest first.",
      answers: { 200: "The leases and their number." },
      handle: () => json(leaseList(deps)),
    },
  ];
}

function leaseList(deps: ApiDeps): LeaseListAnswer {
  const now = deps.now();
  const leases = deps.picker.leases(now).flatMap((lease): LeaseAnswer[] => {
    const clientId = deps.registry.clientIdOfRow(lease.row);
    // A backend that is just being removed has no name any more; its leases end with it.
    if (clientId === null) return [];
    return [
      {
        lease_id: lease.leaseId,
        client_id: clientId,
        tier: deps.tiers[lease.tier]?.name ?? "",
        kind: lease.kind,
        held_seconds: seconds(now - lease.sinceMs),
        expires_in_seconds: lease.expiresAtMs === null ? null : seconds(lease.expiresAtMs - now),
      },
    ];
  });
  return { total: leases.length, leases };
}

/** Not below 0: a worker's clock may have been read a moment after ours. */
function seconds(ms: number): number {
  return Math.max(0, ms) / 1000;
}

/** What load balancers, orchestrators and monitors ask; `/health` and `GET /ready` need no key. */
import { families } from "../metrics/catalogue.ts";
import { CONTENT_TYPE, prometheusText } from "../metrics/prometheus.ts";
import { json, problem } from "./answers.ts";
import type { ApiDeps, Operation } from "./deps.ts";

/** A backend becomes routable with its next report or probe: soon. */
const READY_RETRY_SECONDS = "5";

export function statusOperations(deps: ApiDeps): Operation[] {
  return [
    {
      methods: "any",
      path: "/health",
      tag: "status",
      summary: "Whether the server answers.",
      answers: {
        200: "It does; with the number of backends, and of those seen within `stale_minutes`. `degraded` says what does not work.",
      },
      handle: () => {
        const now = deps.now();
        const { total, active } = deps.registry.totals(now);
        return json({
          status: "ok",
          timestamp: new Date(deps.wallOf(now)).toISOString(),
          total_clients: total,
          active_clients: active,
          ...degradation(deps),
        });
      },
    },
    {
      methods: ["GET"],
      path: "/ready",
      tag: "status",
      summary: "Whether at least one backend can take requests.",
      answers: { 200: "One can.", 503: "None can, with the reason." },
      handle: () => {
        const { ready, reason } = deps.registry.readiness(deps.now());
        if (ready) return json({ status: "ready", ...degradation(deps) });
        return problem(503, reason ?? "No backend is routable.", {
          headers: { "Retry-After": READY_RETRY_SECONDS },
        });
      },
    },
    {
      methods: ["GET"],
      path: "/metrics",
      tag: "status",
      summary: "Counters and gauges in the text format of Prometheus.",
      answers: { 200: "All of them." },
      handle: () => metrics(deps),
    },
  ];
}

function metrics({ tables, registry, now }: ApiDeps): Response {
  const { total, active } = registry.totals(now());
  const gauges = {
    backends: total,
    active,
    leases: tables.leases.used,
    isDegraded: registry.degraded !== null,
    cached: tables.cacheSizes.total(),
  };
  const headers = { "Content-Type": CONTENT_TYPE, "Cache-Control": "no-store" };
  return new Response(prometheusText(families(tables.counters, gauges)), { headers });
}

/** A server whose database fails goes on serving, and says so. */
function degradation({ registry }: ApiDeps): { readonly degraded?: string } {
  return registry.degraded === null ? {} : { degraded: registry.degraded };
}

/** What load balancers, orchestrators and monitors ask; `/health` and `GET /ready` need no key. */
import { json, problem } from "./answers.ts";
import type { ApiDeps, Call, Operation } from "./deps.ts";
import { healthDetail } from "./health.ts";

/** A backend becomes routable with its next report or probe: soon. */
const READY_RETRY_SECONDS = "5";

export function statusOperations(deps: ApiDeps): Operation[] {
  return [
    ...["/health", "/ping"].map(
      (path): Operation => ({
        methods: "any",
        path,
        tag: "status",
        summary: "Whether the server answers; to who may read, how each backend does.",
        answers: {
          200: "It does; with the number of backends, and of those seen within `stale_minutes`. `degraded` says what does not work. With a key of the scope `read`, or without keys on this host: totals, and `backends` with status, latency, errors and requests of each.",
        },
        handle: (call) => health(deps, call),
      }),
    ),
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
  ];
}

function health(deps: ApiDeps, { isReader }: Call): Response {
  const now = deps.now();
  const { total, active } = deps.registry.totals(now);
  return json({
    status: "ok",
    timestamp: new Date(deps.wallOf(now)).toISOString(),
    total_clients: total,
    active_clients: active,
    ...degradation(deps),
    ...(isReader ? healthDetail(deps, now) : {}),
  });
}

/** A server whose database fails goes on serving, and says so. */
function degradation({ registry }: ApiDeps): { readonly degraded?: string } {
  return registry.degraded === null ? {} : { degraded: registry.degraded };
}

/** Taking a backend out of service softly: `POST /clients/{client_id}/drain` and `undrain`. */
import { AGENT_TOKEN_HEADER } from "../../../core/wire/registration.ts";
import { invalid, json, problem } from "./answers.ts";
import type { ApiDeps, Call, Operation } from "./deps.ts";

const TOKEN_HEADER = { [AGENT_TOKEN_HEADER]: "Token of the agent, when that asks; an operator sends none." };

export function drainingOperations(deps: ApiDeps): Operation[] {
  return [
    {
      methods: ["POST"],
      path: "/clients/:client_id/drain",
      tag: "backends",
      summary:
        "Send a backend nothing new; its sticky sessions may go on. Lasts until undrain, over restarts.",
      query: {
        wait: `Answer when it is idle, or after so many seconds; at most ${longestWait(deps)} (below request_timeout_seconds).`,
      },
      headers: TOKEN_HEADER,
      answers: {
        200: "It gets nothing new. `idle` tells whether it has nothing left to do either.",
        400: "`wait` is no number of seconds.",
        403: "The id is held by another token, or the key is no administrator's and no token is shown.",
        404: "No such backend.",
      },
      handle: (call) => drain(deps, call, call.params.client_id ?? ""),
    },
    {
      methods: ["POST"],
      path: "/clients/:client_id/undrain",
      tag: "backends",
      summary: "Put a drained backend back in service.",
      headers: TOKEN_HEADER,
      answers: {
        200: "It is in service.",
        403: "The id is held by another token, or the key is no administrator's and no token is shown.",
        404: "No such backend.",
      },
      handle: (call) => undrain(deps, call, call.params.client_id ?? ""),
    },
  ];
}

/** Sends a backend nothing new, and answers as the query says. */
export async function drain(
  deps: ApiDeps,
  { query, caller, actor }: Call,
  clientId: string,
): Promise<Response> {
  const wait = query.get("wait") ?? "0";
  if (!/^\d{1,5}$/.test(wait)) {
    return invalid([{ field: "wait", rule: "must be a whole number of seconds", got: wait }]);
  }
  const withinMs = Math.min(Number(wait), longestWait(deps)) * 1000;
  const outcome = await deps.registry.drain(clientId, caller, withinMs);
  if (outcome.kind !== "draining") return problem(outcome.kind === "unknown" ? 404 : 403, outcome.detail);
  note(deps, actor, "drain", clientId);
  const { isIdle, inFlight, leases } = outcome;
  return json({ client_id: clientId, draining: true, idle: isIdle, in_flight: inFlight, leases });
}

/** Puts a backend back in service. */
export async function undrain(deps: ApiDeps, { caller, actor }: Call, clientId: string): Promise<Response> {
  const outcome = await deps.registry.undrain(clientId, caller);
  if (outcome.kind !== "in_service") return problem(outcome.kind === "unknown" ? 404 : 403, outcome.detail);
  note(deps, actor, "undrain", clientId);
  return json({ client_id: clientId, draining: false });
}

function note({ audit, now, wallOf }: ApiDeps, actor: string, action: string, target: string): void {
  audit.add({ at: new Date(wallOf(now())).toISOString(), actor, action, target, changes: [], persist: true });
}

/** The worker that relays the call waits for its answer no longer than for any other. */
function longestWait({ config }: ApiDeps): number {
  return Math.max(0, config.request_timeout_seconds - 1);
}

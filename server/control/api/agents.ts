/** What agents call: `POST /register`, `POST /stats`, `DELETE /clients/{client_id}`. */
import {
  AGENT_TOKEN_HEADER,
  type RegistrationAnswer,
  RegistrationSchema,
} from "../../../core/wire/registration.ts";
import { ReportSchema, reportFaults } from "../../../core/wire/report.ts";
import { unknownId } from "../registry/registry-types.ts";
import { invalid, json, noContent, problem } from "./answers.ts";
import { readBody } from "./body.ts";
import type { ApiDeps, Call, Operation } from "./deps.ts";

const TOKEN_HEADER = { [AGENT_TOKEN_HEADER]: "Token that /register answered; proves who holds the id." };

export function agentOperations(deps: ApiDeps): Operation[] {
  return [
    {
      methods: ["POST"],
      path: "/register",
      tag: "agents",
      summary: "Make a backend known, or replace what is known of it.",
      body: RegistrationSchema,
      headers: TOKEN_HEADER,
      answers: {
        200: "Registered; `agent_token` goes back as X-Opsen-Agent-Token from now on.",
        400: "A field is wrong.",
        409: "The id is held by a living backend with another token.",
        503: "No room for another backend, or too many calls for this id wait.",
      },
      handle: (call) => register(deps, call),
    },
    {
      methods: ["POST"],
      path: "/stats",
      tag: "agents",
      summary:
        "Report what a backend has free. A timestamp more than 5 minutes ahead of the server's clock counts as now.",
      body: ReportSchema,
      headers: TOKEN_HEADER,
      answers: {
        200: "`ok`, or `ignored` when it is older than the last one applied.",
        400: "A field is wrong.",
        403: "The id is held by another token.",
        404: "The id is not registered; register first.",
      },
      handle: (call) => report(deps, call),
    },
    {
      methods: ["DELETE"],
      path: "/clients/:client_id",
      tag: "agents",
      summary: "Forget a backend with its leases and sticky sessions.",
      headers: TOKEN_HEADER,
      answers: {
        204: "Forgotten.",
        403: "The id is held by another token, or the key is no administrator's and no token is shown.",
        404: "No such backend.",
        503: "Too many calls for this id wait.",
      },
      handle: (call) => remove(deps, call),
    },
  ];
}

async function register(deps: ApiDeps, { request, peer, caller }: Call): Promise<Response> {
  const body = await readBody(request, RegistrationSchema, deps.config.max_request_body_bytes);
  if (!body.ok) return body.answer;
  const outcome = await deps.registry.register(body.value, peer, caller.token);
  if (outcome.kind === "conflict") return problem(409, outcome.detail);
  if (outcome.kind === "invalid") return invalid(outcome.errors);
  if (outcome.kind === "busy") return busy(outcome.detail);
  if (outcome.kind === "full") {
    // Room comes with the next sweep of dead backends, if it comes by itself.
    const headers = { "Retry-After": String(deps.config.cleanup_interval_seconds) };
    return problem(503, outcome.detail, { headers });
  }
  const answer: RegistrationAnswer = { status: "registered", agent_token: outcome.token };
  return json(answer);
}

async function report(deps: ApiDeps, { request, caller }: Call): Promise<Response> {
  const { registry, config } = deps;
  const body = await readBody(request, ReportSchema, config.max_request_body_bytes, reportFaults);
  if (!body.ok) {
    // An agent that must register again learns that first: it would mend its report in vain.
    const clientId = body.sound.client_id;
    const isKnown = clientId === undefined || registry.get(clientId, deps.now()) !== null;
    return isKnown ? body.answer : problem(404, unknownId(clientId));
  }
  const outcome = registry.report(body.value, caller.token, deps.now());
  if (outcome.kind === "applied") {
    return json({ status: "ok", ...(outcome.detail !== null && { detail: outcome.detail }) });
  }
  if (outcome.kind === "ignored") return json({ status: "ignored", detail: outcome.detail });
  if (outcome.kind === "invalid") return invalid(outcome.errors);
  return problem(outcome.kind === "unknown" ? 404 : 403, outcome.detail);
}

async function remove(deps: ApiDeps, { params, caller }: Call): Promise<Response> {
  const outcome = await deps.registry.remove(params.client_id ?? "", caller);
  if (outcome.kind === "removed") return noContent();
  if (outcome.kind === "busy") return busy(outcome.detail);
  return problem(outcome.kind === "unknown" ? 404 : 403, outcome.detail);
}

/** A place in the line is free as soon as the first call of it is answered. */
function busy(detail: string): Response {
  return problem(503, detail, { headers: { "Retry-After": "1" } });
}

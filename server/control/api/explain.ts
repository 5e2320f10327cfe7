/** `POST /route/explain`: what a `POST /route` with the same body and headers would meet. Takes nothing. */
import { createHash } from "node:crypto";
import { hashKeyOf } from "../../../core/balancing/hash-key.ts";
import { strategyByPath } from "../../../core/balancing/path-strategies.ts";
import { newPickQuery, type PickQuery } from "../../../core/balancing/pick.ts";
import type { ExplainedRow } from "../../../core/balancing/picker.ts";
import { stickyIdOf } from "../../../core/balancing/sticky-id.ts";
import { parseAddress } from "../../../core/http/cidr.ts";
import { compilePatterns } from "../../../core/http/path-match.ts";
import type { Tier } from "../../../core/plane/snapshot.ts";
import { agentlessTerms, knownPlace, scoreTerms, unitVector } from "../../../core/scoring/index.ts";
import { rateKey } from "../../../core/table/rate-key.ts";
import { hashStickyId } from "../../../core/table/sticky-table.ts";
import type { FieldError } from "../../../core/wire/problem.ts";
import {
  type ExplainAnswer,
  type ExplainedBackend,
  type RouteRequest,
  RouteRequestSchema,
} from "../../../core/wire/route.ts";
import type { BackendState } from "../registry/backend-state.ts";
import { invalid, json } from "./answers.ts";
import { readBody } from "./body.ts";
import type { ApiDeps, Call, Operation } from "./deps.ts";

export function explainOperations(deps: ApiDeps): Operation[] {
  return [
    {
      methods: ["POST"],
      path: "/route/explain",
      tag: "routing",
      summary: "Show for every backend the filter that removes it or the terms of its score; takes nothing.",
      body: RouteRequestSchema,
      answers: {
        200: "The backend that would be chosen, and every backend. Terms are weighted: they add up to the score of the strategy resource.",
        400: "A field is wrong, or the tier is unknown.",
      },
      handle: (call) => explain(deps, call),
    },
  ];
}

async function explain(deps: ApiDeps, call: Call): Promise<Response> {
  const limit = deps.config.max_request_body_bytes;
  const body = await readBody(call.request, RouteRequestSchema, limit, routeFaults);
  if (!body.ok) return body.answer;
  const index = tierIndex(deps, body.value.tier);
  const tier = deps.tiers[index];
  if (tier === undefined) {
    const rule = `must be one of the tiers ${tierNames(deps).join(", ")}`;
    return invalid([{ field: "tier", rule, got: body.value.tier ?? null }]);
  }
  const now = deps.now();
  const states = deps.registry.list(now);
  const query = queryOf(deps, call, { ask: body.value, tier: index, now });
  const explanation = deps.picker.explain(query);
  const rows = new Map(explanation.rows.map((row) => [row.row, row]));
  const backends = states.flatMap((state): ExplainedBackend[] => {
    const row = rows.get(state.row);
    return row === undefined ? [] : [explained(deps, tier, state, row)];
  });
  const answer: ExplainAnswer = {
    tier: tier.name,
    strategy: explanation.strategy,
    chosen: explanation.chosen < 0 ? null : deps.registry.clientIdOfRow(explanation.chosen),
    backends,
  };
  return json(answer);
}

/** What the schema cannot say; the data plane has the same rules for `POST /route`. */
function routeFaults({ client_ip: address, ...ask }: Partial<RouteRequest>): FieldError[] {
  const errors: FieldError[] = [];
  // Empty as the original's callers send it: unknown.
  if (address !== undefined && address !== "" && parseAddress(address) === null) {
    errors.push({ field: "client_ip", rule: "must be an IPv4 or IPv6 address", got: address });
  }
  if ((ask.client_lat === undefined) !== (ask.client_lon === undefined)) {
    const field = ask.client_lat === undefined ? "client_lat" : "client_lon";
    errors.push({ field, rule: "must be given together with the other coordinate", got: null });
  }
  return errors;
}

/** A tier that is gone has a number, but no name. */
function tierNames({ tiers }: ApiDeps): string[] {
  return tiers.flatMap(({ name }) => (name === "" ? [] : [name]));
}

/** Index of the named tier, of the default one when none is named; -1 when it does not exist. */
function tierIndex(deps: ApiDeps, name: string | undefined): number {
  if (name === undefined || name === "") return deps.defaultTier;
  return deps.tiers.findIndex((tier) => tier.name === name);
}

interface Asked {
  readonly ask: RouteRequest;
  readonly tier: number;
  readonly now: number;
}

function queryOf(deps: ApiDeps, call: Call, { ask, tier, now }: Asked): PickQuery {
  const query = newPickQuery(tier);
  query.nowMs = now;
  query.kind = "route";
  const clientIp = ask.client_ip === undefined || ask.client_ip === "" ? call.peer : ask.client_ip;
  const place = knownPlace(ask.client_lat, ask.client_lon) ?? deps.locate?.(clientIp) ?? null;
  const vector = place === null ? null : unitVector(place.lat, place.lon);
  if (vector !== null) Object.assign(query, { located: true, ...vector });
  const { sticky_header: header, sticky_by_ip: byAddress } = deps.config;
  const value = header === "" ? "" : (call.request.headers.get(header) ?? "");
  const stickyId = stickyIdOf(value, clientIp, byAddress, sha256);
  if (stickyId !== "") {
    const { hi, lo } = hashStickyId(stickyId);
    Object.assign(query, { sticky: true, stickyHi: hi, stickyLo: lo });
  } else if (deps.tables.migration.byClient) {
    const { hi, lo } = rateKey(clientIp);
    Object.assign(query, { client: true, clientHi: hi, clientLo: lo });
  }
  setStrategy(deps.config, query, { path: ask.path, headers: call.request.headers, clientIp });
  if (ask.path !== undefined) query.endpointOfGroup = endpointsOf(deps, ask.path);
  return query;
}

/** As the data plane does for a request. */
function setStrategy(
  config: ApiDeps["config"],
  query: PickQuery,
  {
    path,
    headers,
    clientIp,
  }: { readonly path: string | undefined; readonly headers: Headers; readonly clientIp: string },
): void {
  const named = (name: string): string | null => (name === "" ? null : headers.get(name));
  if (path !== undefined) query.strategy = strategyByPath(config.proxy_endpoints)?.(pathOf(path)) ?? null;
  const key = hashKeyOf(named(config.ip_hash_header), named(config.ip_hash_fallback_header), clientIp);
  const { hi, lo } = hashStickyId(key);
  Object.assign(query, { hashHi: hi, hashLo: lo });
}

function pathOf(target: string): string {
  return target.split("?", 1)[0] ?? "";
}

/** Per path group the endpoint that serves the path. */
function endpointsOf(deps: ApiDeps, target: string): Int32Array {
  const path = pathOf(target);
  return Int32Array.from(deps.registry.pathGroups, (group) => compilePatterns(group)(path));
}

function explained(deps: ApiDeps, tier: Tier, state: BackendState, row: ExplainedRow): ExplainedBackend {
  const weights = deps.config.score_weights;
  const terms =
    state.source === "agent"
      ? scoreTerms(state.report ?? {}, tier, state.latencyMs)
      : agentlessTerms(tier, state.latencyMs);
  const { reportAgeMs, inFlight, leases } = row.figures;
  return {
    client_id: state.clientId,
    eligible: row.filter === null,
    reason: row.reason,
    score: row.score,
    terms: {
      distance: row.scoredKm * weights.distance,
      cpu: terms.cpu * weights.cpu,
      memory: terms.memory * weights.memory,
      gpu: terms.gpu * weights.gpu,
      latency: terms.latency * weights.latency,
      in_flight: row.loadTerm,
    },
    in_flight: inFlight,
    leases,
    report_age_seconds: reportAgeSeconds(state, reportAgeMs),
  };
}

/** Null before the first report, and of a backend that never reports. */
function reportAgeSeconds({ source }: BackendState, ageMs: number): number | null {
  return source === "agent" && Number.isFinite(ageMs) ? Math.max(0, ageMs) / 1000 : null;
}

function sha256(latin1: string): string {
  return createHash("sha256").update(latin1, "latin1").digest("hex");
}

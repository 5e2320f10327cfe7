import type { LeaseView } from "../../../core/balancing/lease-view.ts";
import type { RequestHead } from "../../../core/http/request-head.ts";
import { fieldsDetail } from "../../../core/schema/fields-detail.ts";
import { unitVector } from "../../../core/scoring/place.ts";
import type { LeaseAnswer } from "../../../core/wire/lease.ts";
import type { RouteAnswer, RouteRequest } from "../../../core/wire/route.ts";
import { json, problem, retryAfter } from "../exchange/answers.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { locate, setSticky, setStrategy } from "../exchange/session.ts";
import { placeOf, refusePick } from "../upstream/choosing.ts";
import { checkRouteRequest } from "./route-request.ts";

const LEASES = "/leases/";
/** Every field of a RouteRequest at its longest fits many times over. */
const MAX_ROUTE_BYTES = 1_048_576;

/** Answers `POST /route`: picks a backend and leaves capacity reserved on it. */
export function startRoute(exchange: Exchange): void {
  if (exchange.head.method !== "POST") {
    refuseMethod(exchange, "POST");
    return;
  }
  if (!exchange.limitBody(Math.min(MAX_ROUTE_BYTES, exchange.plane.options.managementBodyBytes))) {
    exchange.refuse("body_too_large");
    return;
  }
  exchange.gather(answerRoute);
}

/** Tells whether this is `PUT` or `DELETE /leases/{id}`. */
export function isLeaseChange(head: RequestHead): boolean {
  return (head.method === "PUT" || head.method === "DELETE") && head.path.startsWith(LEASES);
}

/** Renews or releases a lease. */
export function startLeaseChange(exchange: Exchange): void {
  exchange.gather(answerLeaseChange);
}

function answerRoute(exchange: Exchange): boolean {
  if (!exchange.body.complete) return false;
  exchange.plane.count("route_requests");
  const request = readRoute(exchange);
  if (request !== null) route(exchange, request);
  return true;
}

function readRoute(exchange: Exchange): RouteRequest | null {
  let value: unknown;
  try {
    value = JSON.parse(exchange.body.content().toString("utf8"));
  } catch {
    exchange.answer(problem(400, "Bad Request", "The body is not valid JSON."), "bad_request");
    return null;
  }
  const checked = checkRouteRequest(value);
  if (checked.ok) return checked.request;
  const detail = fieldsDetail(checked.errors);
  exchange.answer(problem(400, "Bad Request", detail, [], checked.errors), "bad_request");
  return null;
}

function route(exchange: Exchange, request: RouteRequest): void {
  const { plane, query, facts, delivery } = exchange;
  const name = request.tier ?? "";
  const tier = name === "" ? plane.defaultTier : plane.tierNumbers.get(name);
  if (tier === undefined) {
    const rule = `must be one of the tiers ${[...plane.tierNumbers.keys()].join(", ")}`;
    const errors = [{ field: "tier", rule, got: name }];
    exchange.answer(problem(400, "Bad Request", fieldsDetail(errors), [], errors), "unknown_tier");
    return;
  }
  const address = request.client_ip || facts.clientIp;
  query.tier = tier;
  query.kind = "route";
  query.nowMs = plane.now();
  query.endpointOfGroup =
    request.path === undefined ? null : plane.directory.endpointsFor(pathOf(request.path));
  setSticky(exchange, address);
  setStrategy(exchange, request.path === undefined ? null : pathOf(request.path), address);
  locate(exchange, unitVector(request.client_lat, request.client_lon), address);
  const { pick } = delivery.choice;
  const status = delivery.choice.route();
  if (status !== "picked") {
    refusePick(exchange, status);
    return;
  }
  const place = placeOf(exchange, pick);
  if (place === null) {
    // Between the claim and now the row was given away; the lease went with it.
    exchange.answer(
      problem(503, "No backend available", "The backend has just gone.", [retryAfter(0)]),
      "no_backend",
    );
    return;
  }
  facts.chose(exchange, place, pick);
  const endpoint = place.backend.endpoints[pick.endpoint] ?? place.backend.endpoints[0];
  const answer: RouteAnswer = {
    client_id: place.backend.clientId,
    endpoint: endpoint?.url ?? "",
    hostname: place.backend.hostname,
    ...(Number.isNaN(pick.distanceKm) ? {} : { distance_km: pick.distanceKm }),
    lease_id: plane.picker.leaseId(pick),
    expires_in_seconds: plane.options.leaseSeconds,
  };
  exchange.answer(json(200, answer));
}

function answerLeaseChange(exchange: Exchange): boolean {
  if (!exchange.body.complete) return false;
  const { head, plane } = exchange;
  const id = head.path.slice(LEASES.length);
  const nowMs = plane.now();
  if (head.method === "DELETE") {
    if (plane.picker.release(id, nowMs)) exchange.answer({ status: 204, headers: [], body: "" });
    else refuseLease(exchange);
    return true;
  }
  const lease = plane.picker.renew(id, nowMs);
  if (lease === null) refuseLease(exchange);
  else exchange.answer(json(200, leaseAnswer(exchange, lease, nowMs)));
  return true;
}

function leaseAnswer(exchange: Exchange, lease: LeaseView, nowMs: number): LeaseAnswer {
  const { plane } = exchange;
  return {
    lease_id: lease.leaseId,
    client_id: plane.directory.backendAt(lease.row)?.clientId ?? "",
    tier: plane.tiers[lease.tier]?.name ?? "",
    kind: lease.kind,
    held_seconds: Math.max(0, (nowMs - lease.sinceMs) / 1000),
    expires_in_seconds: lease.expiresAtMs === null ? null : Math.max(0, (lease.expiresAtMs - nowMs) / 1000),
  };
}

function refuseLease(exchange: Exchange): void {
  exchange.answer(problem(404, "Not found", "No lease of that id is held; it may have ended."), "not_found");
}

function refuseMethod(exchange: Exchange, allow: string): void {
  const detail = `This path takes ${allow}.`;
  exchange.answer(problem(405, "Method not allowed", detail, [["Allow", allow]]), "method_not_allowed");
}

function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}

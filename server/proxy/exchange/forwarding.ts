import type { Representation } from "../../../core/http/content-coding.ts";
import type { ForwardContext } from "../../../core/http/forward-request.ts";
import type { ResponseContext } from "../../../core/http/forward-response.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import type { Mutable } from "../context.ts";
import type { Exchange } from "./exchange.ts";

type Framing = ResponseContext["framing"];

const AS_SENT: Representation = { coding: "", etag: "", varies: false };
const NO_HEADERS: ForwardContext["extra"] = [];
/** What the control plane is told as Host; it does not look at it. */
const CONTROL_AUTHORITY = "localhost";

/** Fills in what the head towards the backend, or the control plane, says beside the client's own fields. */
export function fillForward(exchange: Exchange, forward: Mutable<ForwardContext>): void {
  const { facts, plane, head, client } = exchange;
  const backend = facts.place?.backend;
  const origin = backend?.endpoints[facts.endpoint]?.origin;
  forward.authority = origin?.authority ?? CONTROL_AUTHORITY;
  forward.basePath = origin?.basePath ?? "";
  forward.clientIp = facts.clientIp;
  forward.forwardedFor = facts.forwardedFor;
  forward.proto = facts.proto;
  forward.forwardedHost = facts.forwardedHost;
  forward.forwarded = facts.forwarded;
  forward.clientSubject = client.door.clientSubject;
  forward.passesCertificates = forward.clientSubject === "" && client.identity.trustedPeer;
  forward.requestId = facts.requestId;
  forward.lbClientId = backend?.clientId ?? "";
  forward.lbHostname = backend?.hostname ?? "";
  forward.upgrade = exchange.upgrade;
  forward.forwardExpect = !exchange.continued;
  forward.trace = exchange.trace;
  forward.extra = exchange.requestExtra;
  forward.dropConditions = exchange.dropsConditions;
  const key = plane.keys.size > 0 ? head.get("x-api-key") : null;
  forward.dropHeader = key !== null && plane.keys.find(key) !== null ? "x-api-key" : "";
}

/** Fills in how the response goes on to the client, whose body it frames as it must. */
export function fillResponse(
  exchange: Exchange,
  response: ResponseHead,
  framing: ResponseContext["framing"],
  keepAlive: boolean,
): void {
  const { respond, date } = exchange.plane;
  respond.representation = exchange.representation;
  respond.minor = exchange.head.minor;
  respond.keepAlive = keepAlive;
  respond.framing = framing;
  // Nobody knows the length of what is to be coded.
  respond.contentLength = exchange.representation.coding === "" ? response.contentLength : -1;
  respond.upgrade = false;
  respond.date = date.at(Date.now());
  respond.extra = exchange.responseExtra;
}

/** Gives how the body is framed towards the client, as far as its connection allows. */
export function bodyFraming({ representation }: Exchange, { framing }: ResponseHead): Framing {
  return representation.coding === "" || framing === "none" ? framing : "chunked";
}

/** Fills in how a 1xx, or with `upgrade` the 101 of a tunnel, goes on to the client. */
export function fillInterim(exchange: Exchange, upgrade: boolean): void {
  const { respond } = exchange.plane;
  respond.representation = AS_SENT;
  respond.minor = exchange.head.minor;
  respond.keepAlive = true;
  respond.framing = "none";
  respond.contentLength = -1;
  respond.upgrade = upgrade;
  respond.date = "";
  respond.extra = upgrade ? exchange.responseExtra : NO_HEADERS;
}

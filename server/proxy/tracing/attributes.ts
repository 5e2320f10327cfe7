/** What spans say of requests, in the words of OpenTelemetry's semantic conventions for HTTP (version 1.27). */
import type { RequestHead } from "../../../core/http/request-head.ts";
import type { Span } from "../../../core/tracing/span.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { Place } from "../upstream/directory.ts";

type Attributes = Span["attributes"];

const KNOWN_METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
]);

/** Few names for many requests: the method, as nobody has told us of routes. */
export function spanName(head: RequestHead): string {
  return KNOWN_METHODS.has(head.method) ? head.method : "HTTP";
}

/** Queries are left out: they carry secrets more often than paths do. */
export function requestAttributes(exchange: Exchange): Attributes {
  const { head, facts, plane, query, body, client } = exchange;
  return {
    ...methodAttributes(head),
    "url.scheme": facts.proto,
    "url.path": head.path,
    "server.address": head.host === "" ? undefined : head.host,
    "client.address": facts.clientIp,
    "network.peer.address": client.peerAddress,
    "network.protocol.version": head.protocol,
    "user_agent.original": head.get("user-agent") ?? undefined,
    "http.response.status_code": facts.status,
    "http.request.body.size": body.received > 0 ? body.received : undefined,
    "http.response.body.size": exchange.bytesOut,
    "error.type": facts.status >= 500 ? facts.code || String(facts.status) : undefined,
    "opsen.request_id": facts.requestId || (head.get("x-request-id") ?? undefined),
    "opsen.backend.id": facts.clientId === "" ? undefined : facts.clientId,
    "opsen.tier": facts.place === null ? undefined : plane.tiers[query.tier]?.name,
    "opsen.truncated": facts.truncated ? true : undefined,
  };
}

/** Why the request counts as failed; null for what is no fault of a server (the conventions: below 500). */
export function requestError({ facts }: Exchange): string | null {
  if (facts.status < 500 && !(facts.truncated && facts.code === "")) return null;
  return facts.reason || facts.code || (facts.truncated ? "truncated" : "");
}

export interface AttemptFacts {
  readonly place: Place;
  readonly endpoint: number;
  readonly resends: number;
  readonly status: number;
  readonly failure: string;
}

export function attemptAttributes(head: RequestHead, attempt: AttemptFacts): Attributes {
  const { backend } = attempt.place;
  const origin = backend.endpoints[attempt.endpoint]?.origin;
  const failure = attempt.failure === "" ? undefined : attempt.failure;
  return {
    ...methodAttributes(head),
    "server.address": origin?.host,
    "server.port": origin?.port,
    "url.full":
      origin === undefined
        ? undefined
        : `${origin.scheme}://${origin.authority}${origin.basePath}${head.path}`,
    "http.request.resend_count": attempt.resends > 0 ? attempt.resends : undefined,
    "http.response.status_code": attempt.status > 0 ? attempt.status : undefined,
    "error.type": attempt.status >= 400 ? String(attempt.status) : failure,
    "opsen.backend.id": backend.clientId,
  };
}

function methodAttributes(head: RequestHead): Attributes {
  const isKnown = KNOWN_METHODS.has(head.method);
  return {
    "http.request.method": isKnown ? head.method : "_OTHER",
    "http.request.method_original": isKnown ? undefined : head.method,
  };
}

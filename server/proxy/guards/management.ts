import { bearerIn } from "../../../core/http/bearer.ts";
import { isMediaType } from "../../../core/http/media-type.ts";
import { type ApiKey, mayRead, scopesFor } from "../../../core/plane/api-key.ts";
import { CONSOLE_LOGIN_PATH, isConsolePath } from "../../../core/plane/console-paths.ts";
import { rateKey } from "../../../core/table/rate-key.ts";
import { type Answer, problem, retryAfter } from "../exchange/answers.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { guardKeyless } from "./keyless.ts";

/** These tell nothing that is worth a key to who shows none, and probes must always get through. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/health", "/ping", "/ready"]);

const BODY_METHODS: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

/** Checks a management request in the order that the manual promises; null when it may go on. */
export function guardManagement(exchange: Exchange): Answer | null {
  const { path } = exchange.head;
  if (isConsolePath(path)) return guardConsole(exchange);
  const isOpen = OPEN_PATHS.has(path);
  return (
    (isOpen ? null : guardThrottle(exchange)) ??
    guardCors(exchange) ??
    guardContentType(exchange) ??
    (isOpen ? noteReader(exchange) : (guardKey(exchange) ?? guardAddress(exchange) ?? guardRate(exchange)))
  );
}

/**
 * The console's pages need no key, so that there is one to log in with; what they show and change is asked for with the
 * cookie of that log-in, which the control plane alone can judge. It counts and throttles wrong keys as we do here, and
 * turns pages of other origins away, whatever cors_allowed_origins says.
 */
function guardConsole(exchange: Exchange): Answer | null {
  const isKeyless = exchange.plane.keys.size === 0;
  exchange.facts.isAdmin = isKeyless;
  return (
    guardContentType(exchange) ??
    (isKeyless ? guardKeyless(exchange) : null) ??
    guardAddress(exchange) ??
    guardRate(exchange)
  );
}

/** After many wrong keys an address has to wait, whatever it sends now. */
function guardThrottle(exchange: Exchange): Answer | null {
  const { plane, facts } = exchange;
  const { hi, lo } = rateKey(facts.clientIp);
  const waitMs = plane.tables.authFailures.peek(hi, lo, plane.now());
  if (waitMs === 0) return null;
  plane.count("rate_limited");
  const detail =
    "Too many requests with a missing or wrong key came from this address. Wait, then use the right key.";
  return problem(429, "Too many failures", detail, [retryAfter(waitMs)]);
}

function guardCors(exchange: Exchange): Answer | null {
  const verdict = exchange.plane.cors.check(exchange.head);
  exchange.responseExtra = [...exchange.responseExtra, ...verdict.headers];
  if (verdict.kind === "pass") return null;
  if (verdict.kind === "preflight") return { status: 204, headers: [], body: "" };
  return problem(403, "Origin not allowed", "Add this origin to cors_allowed_origins to let it call.");
}

function guardContentType(exchange: Exchange): Answer | null {
  const { head, body } = exchange;
  if (!BODY_METHODS.has(head.method) || body.complete) return null;
  const type = head.get("content-type");
  if (type === null || type === "" || isMediaType(type, "application/json")) return null;
  // The form of the log-in page; whose page it is, the control plane looks at.
  if (head.path === CONSOLE_LOGIN_PATH && isMediaType(type, "application/x-www-form-urlencoded")) return null;
  // A page of another origin can send text/plain without asking; without Origin the caller is no page.
  const isPlainRoute = head.path === "/route" && head.get("origin") === null;
  if (isPlainRoute && isMediaType(type, "text/plain")) return null;
  return problem(415, "Unsupported media type", "Send the body with Content-Type: application/json.");
}

function guardKey(exchange: Exchange): Answer | null {
  const { plane, facts, head } = exchange;
  const isMetrics = head.path === plane.options.metricsPath;
  const key = head.get("x-api-key") ?? (isMetrics ? bearerIn(head.get("authorization")) : null);
  const known = key === null ? null : plane.keys.find(key);
  if (plane.keys.size === 0 && (known === null || !isMetrics)) {
    if (isMetrics && key !== null) noteFailure(exchange);
    facts.isAdmin = true;
    return guardKeyless(exchange);
  }
  if (known !== null) return guardScope(exchange, known);
  noteFailure(exchange);
  if (key === null) return problem(401, "Unauthorized", "Send the key in the header X-API-Key.");
  return problem(403, "Forbidden", "The key in X-API-Key is not one of the configured keys.");
}

/** `/health` tells more to who may see backends; to others it answers all the same, so that wrong keys are counted here. */
function noteReader(exchange: Exchange): null {
  const { plane, facts, head } = exchange;
  const { hi, lo } = rateKey(facts.clientIp);
  if (guardAddress(exchange) !== null) return null;
  if (plane.keys.size === 0) {
    facts.isReader = guardKeyless(exchange) === null;
    return null;
  }
  const key = head.get("x-api-key");
  if (key === null || plane.tables.authFailures.peek(hi, lo, plane.now()) > 0) return null;
  const known = plane.keys.find(key);
  facts.keyName = known?.name ?? "";
  facts.isReader = known !== null && mayRead(known);
  if (known === null) noteFailure(exchange);
  return null;
}

/** A wrong key, or none: many of them and the address has to wait. */
function noteFailure({ plane, facts }: Exchange): void {
  plane.count("auth_failures");
  const { hi, lo } = rateKey(facts.clientIp);
  plane.tables.authFailures.allow(hi, lo, plane.now());
}

/** A key that is known is no guess, whatever it asks for: it is refused without being throttled. */
function guardScope({ plane, facts, head }: Exchange, key: Pick<ApiKey, "name" | "scopes">): Answer | null {
  facts.keyName = key.name;
  facts.isAdmin = key.scopes.includes("admin");
  if (facts.isAdmin) return null;
  const enough = scopesFor(head.method, head.path, plane.options.metricsPath);
  if (enough.some((scope) => key.scopes.includes(scope))) return null;
  plane.count("auth_failures");
  const needed = [...enough, "admin"].join(" or ");
  return problem(
    403,
    "Forbidden",
    `This key has the scopes ${key.scopes.join(", ")}; the call takes ${needed}.`,
  );
}

function guardAddress(exchange: Exchange): Answer | null {
  const { whitelist } = exchange.plane.options;
  if (whitelist.size === 0 || whitelist.has(exchange.facts.clientIp)) return null;
  return problem(403, "Forbidden", "This address is not in whitelisted_ips.");
}

function guardRate(exchange: Exchange): Answer | null {
  const { plane, facts } = exchange;
  const { hi, lo } = rateKey(facts.clientIp);
  const waitMs = plane.tables.managementRate.allow(hi, lo, plane.now());
  if (waitMs === 0) return null;
  plane.count("rate_limited");
  const detail = "This address has used up its management requests; see rate_limit_per_minute.";
  return problem(429, "Rate limit exceeded", detail, [retryAfter(waitMs)]);
}

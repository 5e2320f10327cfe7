import { takeCookie } from "../../../core/http/cookie-field.ts";
import { scanTopLevel } from "../../../core/http/json-prefix.ts";
import { isJson } from "../../../core/http/media-type.ts";
import { checkWebSocketHandshake } from "../../../core/http/websocket.ts";
import { CONSOLE_COOKIE, isConsolePath } from "../../../core/plane/console-paths.ts";
import { unitVector } from "../../../core/scoring/place.ts";
import { rateKey } from "../../../core/table/rate-key.ts";
import { proxyError, retryAfter } from "./answers.ts";
import type { Exchange } from "./exchange.ts";
import { locate, setSticky, setStrategy } from "./session.ts";
import { permittedUpgrade } from "./upgrade.ts";

const LOG_IN = Buffer.from(CONSOLE_COOKIE, "latin1");

/** Guards a proxied request, finds its tier, and sends it to a backend. */
export function proxy(exchange: Exchange): void {
  if (!guard(exchange) || !guardUpgrade(exchange)) return;
  exchange.query.kind = "request";
  const { body, head, plane } = exchange;
  const mayNameTier = !body.complete && exchange.upgrade === "" && plane.options.tierBodyBytes > 0;
  if (mayNameTier && isJson(head.get("content-type") ?? "")) {
    exchange.scannedBytes = 0;
    exchange.gather(scanBody);
  } else start(exchange, "", null);
}

function guard(exchange: Exchange): boolean {
  const { plane, facts } = exchange;
  const { options } = plane;
  if (options.whitelistProxy && options.whitelist.size > 0 && !options.whitelist.has(facts.clientIp)) {
    exchange.refuse("forbidden");
    return false;
  }
  if (options.limitsProxyRate) {
    const { hi, lo } = rateKey(facts.clientIp);
    const waitMs = plane.tables.proxyRate.allow(hi, lo, plane.now());
    if (waitMs > 0) {
      plane.count("rate_limited");
      exchange.refuse("rate_limited", [retryAfter(waitMs)]);
      return false;
    }
  }
  if (exchange.limitBody(options.proxyBodyBytes)) return true;
  exchange.refuse("body_too_large");
  return false;
}

function guardUpgrade(exchange: Exchange): boolean {
  const { head, body } = exchange;
  exchange.upgrade = permittedUpgrade(head);
  if (exchange.upgrade === "") return true;
  if (!body.complete) {
    exchange.refuse("bad_request", [], "an upgrade with a body");
    return false;
  }
  if (exchange.upgrade !== "websocket") return true;
  const rejection = checkWebSocketHandshake(head);
  if (rejection === null) return true;
  exchange.facts.reason = rejection.reason;
  const extra = rejection.status === 426 ? ([["Sec-WebSocket-Version", "13"]] as const) : [];
  exchange.answer(proxyError(rejection.code, rejection.status, extra), rejection.code);
  return false;
}

/** Looks for the tier in the beginning of a JSON body; false while more of it could help. */
function scanBody(exchange: Exchange): boolean {
  const { body, plane } = exchange;
  const { tierBodyBytes, tierField, jsonFields } = plane.options;
  const isLast = body.complete || body.received >= tierBodyBytes;
  // Looking again only at twice the size keeps a trickle linear.
  if (!isLast && (body.received === 0 || body.received < 2 * exchange.scannedBytes)) return false;
  exchange.scannedBytes = body.received;
  const found = scanTopLevel(body.content().subarray(0, tierBodyBytes), jsonFields);
  const tier = found.get(tierField);
  if (tier === undefined && !isLast) return false;
  const place = unitVector(numberOf(found.get("client_lat")), numberOf(found.get("client_lon")));
  start(exchange, typeof tier === "string" ? tier : "", place);
  return true;
}

function start(exchange: Exchange, bodyTier: string, place: ReturnType<typeof unitVector>): void {
  const { plane, head, query, facts } = exchange;
  const { options } = plane;
  const name = bodyTier || queryValue(head.query, options.tierField) || (head.get(options.tierHeader) ?? "");
  const tier = name === "" ? plane.defaultTier : plane.tierNumbers.get(name);
  if (tier === undefined) {
    exchange.refuse("unknown_tier");
    return;
  }
  query.tier = tier;
  // The console may be on another port of this host: its log-in, which browsers bring here too, is no backend's business.
  if (options.hasConsole && isConsolePath(head.path)) takeCookie(head, LOG_IN);
  setSticky(exchange, facts.clientIp);
  setStrategy(exchange, head.path, facts.clientIp);
  plane.cookies?.read(exchange);
  locate(exchange, place, facts.clientIp);
  if (plane.cache === null) exchange.deliver();
  else plane.cache.serve(exchange);
}

function numberOf(value: string | number | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** The first value of a query parameter, decoded; "" without one. */
function queryValue(query: string, name: string): string {
  if (query === "") return "";
  for (const part of query.split("&")) {
    const equals = part.indexOf("=");
    if (equals < 0 || decode(part.slice(0, equals)) !== name) continue;
    return decode(part.slice(equals + 1));
  }
  return "";
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    // Not UTF-8 or cut: no name or tier that anybody meant.
    return "";
  }
}

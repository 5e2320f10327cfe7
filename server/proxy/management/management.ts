import { hasDotSegment } from "../../../core/http/dot-segments.ts";
import { checkWebSocketHandshake } from "../../../core/http/websocket.ts";
import { CONSOLE_LIVE_PATH, isConsolePath } from "../../../core/plane/console-paths.ts";
import type { Header } from "../context.ts";
import { problem } from "../exchange/answers.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { permittedUpgrade } from "../exchange/upgrade.ts";
import { guardManagement } from "../guards/management.ts";
import type { ProxyOptions } from "../options.ts";
import { isLeaseChange, startLeaseChange, startRoute } from "./route-api.ts";

/** As in core/wire/registration, which would bring the schema library into every worker. */
const AGENT_TOKEN_HEADER = "X-Opsen-Agent-Token";

const PATHS: ReadonlySet<string> = new Set([
  "/register",
  "/stats",
  "/route",
  "/route/explain",
  "/health",
  "/ready",
  "/ping",
  "/metrics/history",
  "/cache",
  "/clients",
  "/clients/purge",
  "/clients/purge-pending",
  "/leases",
  "/config",
  "/config/reload",
  "/config/undo",
  "/backends",
  "/audit",
  "/migrations",
  "/swagger",
  "/swagger/json",
]);
const PREFIXES = ["/clients/", "/leases/", "/backends/", "/migrations/", "/swagger/"] as const;

/**
 * Tells management from all else by the raw path: exactly what is compared here is what is served. Without a console its
 * paths are a backend's.
 */
export function isManagement(
  path: string,
  { metricsPath, hasConsole }: Pick<ProxyOptions, "metricsPath" | "hasConsole">,
): boolean {
  if (PATHS.has(path) || path === metricsPath) return true;
  // The control plane resolves dot segments: what it would serve must be what was guarded here.
  const isBelow = PREFIXES.some((prefix) => path.startsWith(prefix)) || (hasConsole && isConsolePath(path));
  return isBelow && !hasDotSegment(path);
}

/** Guards a management request, then answers it here or passes it to the control plane. */
export function manage(exchange: Exchange): void {
  const { plane, head, facts, client } = exchange;
  facts.management = true;
  exchange.responseExtra = client.door.secure ? plane.securityHeaders.secure : plane.securityHeaders.plain;
  const refusal = guardManagement(exchange);
  if (refusal !== null) {
    exchange.answer(refusal, refusal.status === 204 ? "" : "refused");
    return;
  }
  if (!exchange.limitBody(plane.options.managementBodyBytes)) {
    const detail = `The body is larger than max_request_body_bytes (${plane.options.managementBodyBytes}).`;
    exchange.answer(problem(413, "Body too large", detail), "body_too_large");
    return;
  }
  if (head.path === "/route") startRoute(exchange);
  else if (isLeaseChange(head)) startLeaseChange(exchange);
  else if (head.path === CONSOLE_LIVE_PATH && head.upgrade !== "") relayUpgrade(exchange);
  else relayToControl(exchange);
}

/** Answers a request that came to a listener for management alone and is none. */
export function notManagement(exchange: Exchange): void {
  const { plane, client } = exchange;
  exchange.facts.management = true;
  exchange.responseExtra = client.door.secure ? plane.securityHeaders.secure : plane.securityHeaders.plain;
  exchange.answer(problem(404, "Not found", "This listener serves management only."), "not_found");
}

/** Headers that every management answer carries. */
export function securityHeaders(disabled: boolean): { plain: readonly Header[]; secure: readonly Header[] } {
  const always: readonly Header[] = [["X-Content-Type-Options", "nosniff"]];
  if (disabled) return { plain: always, secure: always };
  const plain: readonly Header[] = [
    ...always,
    ["X-Frame-Options", "DENY"],
    ["X-XSS-Protection", "1; mode=block"],
  ];
  return {
    plain,
    secure: [...plain, ["Strict-Transport-Security", "max-age=31536000"]],
  };
}

/** Lets the console's live connection through, which becomes a tunnel as those to backends do. */
function relayUpgrade(exchange: Exchange): void {
  exchange.upgrade = permittedUpgrade(exchange.head);
  const rejection = checkWebSocketHandshake(exchange.head);
  if (exchange.upgrade === "websocket" && exchange.body.complete && rejection === null) {
    relayToControl(exchange);
    return;
  }
  exchange.upgrade = "";
  const detail = rejection?.reason ?? "Only a WebSocket is to be had here, by a request without a body.";
  exchange.answer(problem(400, "Bad Request", detail), "bad_request");
}

function relayToControl(exchange: Exchange): void {
  const { plane, head, facts } = exchange;
  const token = head.get(AGENT_TOKEN_HEADER.toLowerCase());
  exchange.requestExtra = [
    ["X-Opsen-Secret", plane.controlSecret],
    ["X-Opsen-Peer", facts.clientIp],
    ["X-Opsen-Proto", facts.proto],
    ...(facts.keyName === "" ? [] : [["X-Opsen-Actor", facts.keyName] as const]),
    ...(facts.isReader ? [["X-Opsen-Reader", "1"] as const] : []),
    ...(facts.isAdmin ? [["X-Opsen-Admin", "1"] as const] : []),
    ...(token === null ? [] : [[AGENT_TOKEN_HEADER, token] as const]),
  ];
  exchange.deliver(plane.control);
}

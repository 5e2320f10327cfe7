import { hasDotSegment } from "../../core/http/dot-segments.ts";
import { hasVia } from "../../core/http/forward-request.ts";
import type { Exchange } from "./exchange/exchange.ts";
import { proxy } from "./exchange/proxied.ts";
import { identify } from "./guards/identify.ts";
import { isManagement, manage, notManagement } from "./management/management.ts";

const ALLOW = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/** Decides what becomes of a request whose head is complete. */
export function dispatch(exchange: Exchange): void {
  const { head, client, plane } = exchange;
  identify(exchange);
  const isManaging = client.door.management && isManagement(head.path, plane.options);
  if (!isManaging) exchange.trace?.begin(head);
  if (hasVia(head, plane.viaName)) {
    exchange.refuse("loop");
  } else if (head.path === "*" || head.maxForwards === 0) {
    // About the proxy itself (RFC 9110 section 9.3.7), or as far as the client wants it to go (section 7.6.2).
    exchange.answer({ status: 204, headers: [["Allow", ALLOW]], body: "" });
  } else if (isManaging) {
    manage(exchange);
  } else if (!client.door.proxied) {
    notManagement(exchange);
  } else if (!plane.options.isProxied(head.path)) {
    exchange.refuse("not_found");
  } else if ((plane.options.confinesPaths || plane.directory.hasPatterns) && hasDotSegment(head.path)) {
    exchange.refuse("bad_request", [], "a dot segment, which could lead out of the paths that are proxied");
  } else proxy(exchange);
}

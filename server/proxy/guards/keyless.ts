import { isLoopback } from "../../../core/http/cidr.ts";
import { isOwnAuthority } from "../../../core/http/own-authority.ts";
import { type Answer, problem } from "../exchange/answers.ts";
import type { Exchange } from "../exchange/exchange.ts";

/** What a proxy on this host adds for a client of its own. */
const RELAY_HEADERS = ["x-forwarded-for", "x-real-ip", "forwarded", "via"] as const;
const REMEDY = "Set server_key and send it as X-API-Key.";

/** Guards management while no key is configured: it answers this host only, and no page that a browser shows here. */
export function guardKeyless(exchange: Exchange): Answer | null {
  const { plane, facts, head, client } = exchange;
  if (plane.insecureNoAuth) return null;
  if (!isLoopback(facts.clientIp)) {
    return forbidden("No key is configured, so that management answers loopback clients only.");
  }
  if (!client.identity.trustedPeer && RELAY_HEADERS.some((name) => head.get(name) !== null)) {
    const why = "No key is configured, and this request was relayed for somebody else.";
    return forbidden(`${why} Name the relay in trusted_proxies, or set a key.`);
  }
  if (!isOwnAuthority(head.host)) {
    // A page of a foreign name that resolves to this host (DNS rebinding) would else count as one of ours.
    return forbidden(`No key is configured, so that management answers to addresses and localhost only.`);
  }
  const origin = head.get("origin");
  if (origin !== null && !isOwnOrigin(origin, head.host) && !plane.cors.allows(origin)) {
    return forbidden("No key is configured, so that pages of other origins may not call.");
  }
  return null;
}

function forbidden(why: string): Answer {
  return problem(403, "Forbidden", `${why} ${REMEDY}`);
}

function isOwnOrigin(origin: string, host: string): boolean {
  return (
    origin.toLowerCase() === `http://${host}`.toLowerCase() ||
    origin.toLowerCase() === `https://${host}`.toLowerCase()
  );
}

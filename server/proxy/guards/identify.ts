import { clientAddress, forwardedValue } from "../../../core/http/forwarded.ts";
import type { Exchange } from "../exchange/exchange.ts";

const MAX_REQUEST_ID = 128;
const PRINTABLE = /^[\x21-\x7e]+$/;

/** Notes who asks: the peer, or what a trusted proxy says of its own client. */
export function identify(exchange: Exchange): void {
  const { client, facts, head, plane } = exchange;
  facts.proto = client.door.secure ? "https" : "http";
  facts.forwardedHost = head.host;
  if (plane.options.forwardedHeader) {
    const { peer, trustedPeer } = client.identity;
    const before = trustedPeer ? head.join("forwarded") : null;
    facts.forwarded = forwardedValue(before, { peer, proto: facts.proto, host: head.host });
  }
  if (!client.identity.trustedPeer) {
    facts.clientIp = client.identity.ip;
    facts.forwardedFor = client.identity.chain;
    facts.requestId = plane.nextRequestId();
    return;
  }
  const { ip, chain } = clientAddress(
    client.peerAddress,
    head.join("x-forwarded-for"),
    head.get("x-real-ip"),
    plane.options.trustedProxies,
  );
  facts.clientIp = ip;
  facts.forwardedFor = chain;
  const proto = head.get("x-forwarded-proto");
  if (proto === "http" || proto === "https") facts.proto = proto;
  facts.forwardedHost = head.get("x-forwarded-host") ?? head.host;
  const id = head.get("x-request-id");
  const keeps = id !== null && id.length <= MAX_REQUEST_ID && PRINTABLE.test(id);
  facts.requestId = keeps ? "" : plane.nextRequestId();
}

/** Who the client is, behind proxies that we trust. */
import { type CidrSet, formatAddress, parseAddress } from "./cidr.ts";

export interface ClientAddress {
  /** Canonical address of the peer. */
  readonly peer: string;
  /** Canonical address of the client. */
  readonly ip: string;
  /** Value of X-Forwarded-For to send on. */
  readonly chain: string;
  /** The peer is a trusted proxy: its X-Forwarded-Proto and -Host count too. */
  readonly trustedPeer: boolean;
}

/**
 * Finds the client: the peer itself, unless that is trusted; then X-Forwarded-For is walked from the right up to the
 * first hop that is not trusted. A value that is no bare address (a port, brackets, a name) ends the walk: what
 * stands left of it was not written by a trusted proxy. X-Real-IP counts only where X-Forwarded-For is absent.
 */
export function clientAddress(
  peer: string,
  xForwardedFor: string | null,
  xRealIp: string | null,
  trusted: CidrSet,
): ClientAddress {
  const peerAddress = parseAddress(peer);
  const peerText = peerAddress === null ? peer : formatAddress(peerAddress);
  if (trusted.size === 0 || peerAddress === null || !trusted.hasAddress(peerAddress)) {
    return { peer: peerText, ip: peerText, chain: peerText, trustedPeer: false };
  }
  if (xForwardedFor === null || xForwardedFor === "") {
    const real = xRealIp === null ? null : parseAddress(xRealIp.trim());
    if (real === null) return { peer: peerText, ip: peerText, chain: peerText, trustedPeer: true };
    const ip = formatAddress(real);
    return { peer: peerText, ip, chain: `${ip}, ${peerText}`, trustedPeer: true };
  }
  const ip = walk(xForwardedFor, trusted) ?? peerText;
  return { peer: peerText, ip, chain: `${xForwardedFor}, ${peerText}`, trustedPeer: true };
}

/**
 * Gives the value of Forwarded to send on (RFC 7239 section 4): what a trusted proxy says of the hops before it, then the
 * peer, and how it asked.
 */
export function forwardedValue(
  before: string | null,
  hop: { readonly peer: string; readonly proto: "http" | "https"; readonly host: string },
): string {
  const node = hop.peer.includes(":") ? `"[${hop.peer}]"` : hop.peer;
  // A host may hold a colon, which no token may.
  const host = hop.host === "" ? "" : `;host="${hop.host}"`;
  const own = `for=${node};proto=${hop.proto}${host}`;
  return before === null || before === "" ? own : `${before}, ${own}`;
}

/** The first untrusted hop from the right, else the last one that could be read; null when not even one could. */
function walk(hops: string, trusted: CidrSet): string | null {
  let ip: string | null = null;
  let end = hops.length;
  while (end >= 0) {
    const comma = end === 0 ? -1 : hops.lastIndexOf(",", end - 1);
    const address = parseAddress(hops.slice(comma + 1, end).trim());
    if (address === null) return ip;
    ip = formatAddress(address);
    if (!trusted.hasAddress(address)) return ip;
    end = comma;
  }
  return ip;
}

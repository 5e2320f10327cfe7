import type { CidrSet } from "./cidr.ts";

export interface ClientAddress {
  /** Canonical address of the client. */
  readonly ip: string;
  /** Value of X-Forwarded-For to send on. */
  readonly chain: string;
  /** The peer is a trusted proxy: its X-Forwarded-Proto and -Host count too. */
  readonly trustedPeer: boolean;
}

/** Finds who the client is: the peer, or what trusted proxies say, read from the right up to the first untrusted hop. */
export function clientAddress(
  _peer: string,
  _xForwardedFor: string | null,
  _xRealIp: string | null,
  _trusted: CidrSet,
): ClientAddress {
  throw new Error("pending");
}

import type { BackendTls } from "../plane/messages.ts";
import { fitsName } from "./names.ts";

/** How TLS is spoken to one host. */
export interface HostTls {
  /** Name for SNI and verification; empty sends none, as for addresses (RFC 6066 section 3). */
  readonly serverName: string;
  readonly verify: boolean;
  /** PEM texts of the authorities; empty for the usual ones. */
  readonly ca: string;
}

/** Finds what the configuration says of a host, given without brackets. */
export function tlsFor(host: string, { rules, ca, verify }: BackendTls): HostTls {
  const name = host.toLowerCase();
  const rule = rules.find((one) => fitsName(one.host, name));
  const ownName = isAddress(host) ? "" : host;
  if (rule === undefined) return { serverName: ownName, verify, ca };
  return {
    serverName: rule.serverName || ownName,
    verify: verify && rule.verify,
    ca: rule.ca || ca,
  };
}

function isAddress(host: string): boolean {
  return host.includes(":") || /^[0-9.]+$/.test(host);
}

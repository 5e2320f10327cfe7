/**
 * Where backends may live. Whoever may register a backend chooses an address that this server then connects
 * to; the policy keeps such addresses away from what only this host can reach (metadata services, itself).
 */
import { CidrSet, isLoopback } from "../http/cidr.ts";

export interface AddressRules {
  /** `allowed_endpoint_cidrs`. */
  readonly allowed: readonly string[];
  /** `denied_endpoint_cidrs`. */
  readonly denied: readonly string[];
}

/** Decides about addresses; names must be resolved first, and the address really connected to checked again. */
export class AddressPolicy {
  readonly #allowed: CidrSet;
  readonly #allowsOnlyListed: boolean;
  readonly #denied: CidrSet;
  readonly #builtIn: readonly { readonly what: string; readonly addresses: CidrSet }[];

  constructor(rules: AddressRules) {
    this.#allowed = new CidrSet(rules.allowed);
    this.#allowsOnlyListed = rules.allowed.length > 0;
    this.#denied = new CidrSet(rules.denied);
    this.#builtIn = BUILT_IN.map(({ what, ranges }) => ({ what, addresses: new CidrSet(ranges) }));
  }

  /** Says why no backend may live at an IP address; null when one may. */
  refusal(address: string, allowLoopback: boolean): string | null {
    if (this.#denied.has(address)) return "is in denied_endpoint_cidrs";
    if (this.#allowed.has(address)) return null;
    if (isLoopback(address)) {
      if (!allowLoopback)
        return "is a loopback address, which agents and callers on this host and the configuration file may name";
    } else {
      const match = this.#builtIn.find((entry) => entry.addresses.has(address));
      if (match !== undefined) return `is ${match.what}`;
    }
    return this.#allowsOnlyListed ? "is not in allowed_endpoint_cidrs" : null;
  }
}

/**
 * Says whether a host name is one that clouds give their metadata services. Such a name must be known: outside its
 * cloud it does not resolve, so that its address could not give it away at registration.
 */
export function isMetadataName(host: string): boolean {
  return METADATA_NAMES.has(host.toLowerCase().replace(/\.$/, ""));
}

const METADATA_NAMES: ReadonlySet<string> = new Set([
  "metadata",
  "metadata.google.internal",
  "metadata.goog",
  "metadata.azure.internal",
  "metadata.tencentyun.com",
  "metadata.platformequinix.com",
  "instance-data",
  "instance-data.ec2.internal",
]);

/**
 * Addresses that no backend has a reason to live at. Ranges that embed IPv4 addresses (NAT64, RFC 6052;
 * 6to4, RFC 3056; IPv4-compatible) are listed where they embed such an address.
 */
const BUILT_IN = [
  {
    what: "a metadata service's address",
    ranges: [
      "169.254.169.254",
      "169.254.170.2",
      "fd00:ec2::254",
      "100.100.100.200",
      "168.63.129.16",
      "192.0.0.192",
      "64:ff9b::6464:64c8",
      "64:ff9b::a83f:8110",
    ],
  },
  {
    what: "a link-local address",
    ranges: ["169.254.0.0/16", "fe80::/10", "64:ff9b::a9fe:0/112", "2002:a9fe::/32"],
  },
  { what: "an unspecified address", ranges: ["0.0.0.0/8", "::/128", "64:ff9b::/104"] },
  { what: "a loopback address in disguise", ranges: ["64:ff9b::7f00:0/104", "2002:7f00::/24"] },
  { what: "a multicast address", ranges: ["224.0.0.0/4", "ff00::/8"] },
  { what: "a reserved address", ranges: ["240.0.0.0/4", "::/96"] },
] as const;

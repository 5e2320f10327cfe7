/** Judges the URLs that agents register: their form, and every address that they stand for. */
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { isLoopback } from "../../../core/http/cidr.ts";
import { AddressPolicy, type AddressRules, isMetadataName } from "../../../core/plane/address-policy.ts";
import { parseEndpointUrl } from "../../../core/plane/endpoint-url.ts";
import type { Endpoint } from "../../../core/plane/snapshot.ts";

/** A resolver that hangs must not hang the registration: the name is then judged when it is connected to. */
const RESOLVE_TIMEOUT_MS = 2_000;

export type EndpointVerdict =
  /** `warning` is for the log. */
  | { readonly ok: true; readonly endpoint: Endpoint; readonly warning: string | null }
  /** `rule` says what would be right. */
  | { readonly ok: false; readonly rule: string };

const LOOPBACK = "127.0.0.1";

/** Addresses of a host name; throws when it has none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export interface EndpointPolicyOptions extends AddressRules {
  readonly resolve: Resolve;
}

/** Checks endpoints at registration and addresses when they are connected to. */
export class EndpointPolicy {
  readonly #addresses: AddressPolicy;
  readonly #resolve: Resolve;
  #ownPorts: ReadonlySet<number> = new Set();

  constructor(options: EndpointPolicyOptions) {
    this.#addresses = new AddressPolicy(options);
    this.#resolve = options.resolve;
  }

  /** Says on which ports this server listens, so that no backend leads back to it. */
  setOwnPorts(ports: Iterable<number>): void {
    this.#ownPorts = new Set(ports);
  }

  /** Says why no connection may go to an address and port; null when it may. */
  check(address: string, port: number, allowLoopback: boolean): string | null {
    const refusal = this.#addresses.refusal(address, allowLoopback);
    if (refusal !== null) return refusal;
    if (this.#ownPorts.has(port) && isOwnAddress(address)) return "is a listener of this server";
    return null;
  }

  /** As {@link check} for a host that may be a name; a name passes until it is connected to. */
  checkHost(host: string, port: number, allowLoopback: boolean): string | null {
    return isIP(host) === 0 ? null : this.check(host, port, allowLoopback);
  }

  /** Judges a registered URL. A name that does not resolve is accepted: its probes fail until it does. */
  async judge(url: string, allowLoopback: boolean): Promise<EndpointVerdict> {
    const parsed = parseEndpointUrl(url);
    if (!parsed.ok) return parsed;
    const { endpoint } = parsed;
    const { host, port } = endpoint.origin;
    if (isMetadataName(host))
      return { ok: false, rule: forbidden(host, host, "is a metadata service's name") };
    let addresses: readonly string[];
    try {
      addresses = await this.#addressesOf(host);
    } catch {
      return { ok: true, endpoint, warning: `the host ${host} does not resolve now` };
    }
    for (const address of addresses) {
      const refusal = this.check(address, port, allowLoopback);
      if (refusal !== null) return { ok: false, rule: forbidden(host, address, refusal) };
    }
    return { ok: true, endpoint, warning: null };
  }

  /** A name of this host is what it says, whatever the resolver makes of it (RFC 6761, section 6.3). */
  async #addressesOf(host: string): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [host];
    return isLocalName(host) ? [LOOPBACK] : inTime(this.#resolve(host));
  }
}

function isLocalName(host: string): boolean {
  return /^(?:.+\.)?localhost\.?$/i.test(host);
}

async function inTime(resolving: Promise<readonly string[]>): Promise<readonly string[]> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), RESOLVE_TIMEOUT_MS);
  });
  try {
    return await Promise.race([resolving, late]);
  } finally {
    clearTimeout(timer);
  }
}

function forbidden(host: string, address: string, refusal: string): string {
  const subject = host === address ? address : `${host} (${address})`;
  return `must name a host that this server may connect to: ${subject} ${refusal}`;
}

function isOwnAddress(address: string): boolean {
  if (isLoopback(address)) return true;
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some((entry) => entry.address === address),
  );
}

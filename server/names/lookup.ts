/** Asking for the addresses of a name: the servers that the configuration names, or else the system. */
import { Resolver } from "node:dns/promises";

export interface Addresses {
  /** At least one. */
  readonly addresses: readonly string[];
  /** How long they hold good; 0 for what a file of this host says. */
  readonly ttlSeconds: number;
}

/** Rejects when the name has no address, or nobody says. */
export type Lookup = (host: string) => Promise<Addresses>;

const ATTEMPT_MS = 1500;
const ATTEMPTS = 2;

/** `servers` are addresses, with `:port` where it is not 53; none means those of the system, and its hosts file. */
export function makeLookup(servers: readonly string[]): Lookup {
  if (servers.length === 0) return askSystem;
  const resolver = new Resolver({ timeout: ATTEMPT_MS, tries: ATTEMPTS });
  resolver.setServers([...servers]);
  return (host) => askServers(resolver, host);
}

/** c-ares knows how long an answer holds, but neither mDNS nor the like: the library of the system is asked after it. */
async function askSystem(host: string): Promise<Addresses> {
  const found = await Bun.dns
    .lookup(host, { backend: "c-ares" })
    .catch(() => Bun.dns.lookup(host, { backend: "system" }));
  if (found.length === 0) throw new Error(`${host} has no address`);
  const unique = new Set(found.map(({ address }) => address));
  return { addresses: [...unique], ttlSeconds: Math.min(...found.map(({ ttl }) => ttl)) };
}

async function askServers(resolver: Resolver, host: string): Promise<Addresses> {
  const families = await Promise.allSettled([
    resolver.resolve4(host, { ttl: true }),
    resolver.resolve6(host, { ttl: true }),
  ]);
  const found = families.flatMap((family) => (family.status === "fulfilled" ? family.value : []));
  if (found.length > 0) {
    return {
      addresses: found.map(({ address }) => address),
      ttlSeconds: Math.min(...found.map(({ ttl }) => ttl)),
    };
  }
  const [first] = families;
  throw first.status === "rejected" ? first.reason : new Error(`${host} has no address`);
}

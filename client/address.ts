/** The address of this host that the server sees, and the endpoints that follow from it. */
import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { isLoopback } from "../core/http/cidr.ts";

/** Port of a backend that says nothing about itself, as in the original. */
const DEFAULT_ENDPOINT_PORT = 11_000;
/** Resolving a name may take as long as the system's resolver likes; the agent does not. */
const LOOKUP_TIMEOUT_MS = 5000;

export interface Endpoint {
  readonly url: string;
  readonly paths: readonly string[];
}

/** Tells whether what is sent to a server leaves this host unencrypted. */
export function leavesHostInClear(serverUrl: string): boolean {
  const { protocol, hostname } = new URL(serverUrl);
  const host = hostname.replace(/^\[|\]$/g, "");
  return protocol === "http:" && host !== "localhost" && !isLoopback(host);
}

/**
 * Finds the source address that the system would use towards the server: a UDP socket is connected, which sends
 * nothing but makes the kernel choose a route. Falls back to the first address of any interface.
 */
export async function localAddress(serverUrl: string): Promise<string> {
  try {
    const { hostname, port, protocol } = new URL(serverUrl);
    const host = hostname.replace(/^\[|\]$/g, "");
    const target = await withTimeout(lookup(host), LOOKUP_TIMEOUT_MS);
    const fallbackPort = protocol === "https:" ? 443 : 80;
    return await sourceTowards(target.address, port === "" ? fallbackPort : Number(port));
  } catch {
    return firstInterfaceAddress();
  }
}

/** Writes an address as the host of a URL. */
export function urlHost(address: string): string {
  return isIpv6(address) ? `[${address}]` : address;
}

/** Gives the endpoint that is sent as `endpoint_url`: the first of the list, else the one given, else our address. */
export function resolveEndpoint(
  endpoints: readonly Endpoint[],
  endpointUrl: string,
  address: string,
): string {
  const first = endpoints[0]?.url ?? endpointUrl;
  return first === "" ? `http://${urlHost(address)}:${DEFAULT_ENDPOINT_PORT}` : first;
}

async function sourceTowards(address: string, port: number): Promise<string> {
  // The family of the socket is that of the address it is bound to.
  const hostname = isIpv6(address) ? "::" : "0.0.0.0";
  const socket = await Bun.udpSocket({ hostname, connect: { hostname: address, port } });
  const source = socket.address.address;
  socket.close();
  return withoutZone(source);
}

function firstInterfaceAddress(): string {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((address) => !address.internal && !address.address.startsWith("fe80:"));
  const best = addresses.find((address) => address.family === "IPv4") ?? addresses[0];
  return withoutZone(best?.address ?? "127.0.0.1");
}

/** The runtime's own test would load all of its networking for one character. */
function isIpv6(address: string): boolean {
  return address.includes(":");
}

function withoutZone(address: string): string {
  return address.split("%")[0] ?? address;
}

async function withTimeout<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("timed out")), timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

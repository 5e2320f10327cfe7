/**
 * What a worker knows about backends and tiers beyond the shared tables: strings and URLs, which a
 * SharedArrayBuffer cannot hold. Every value is immutable; the control plane sends replacements.
 */
import type { StrategyName } from "../balancing/strategies/names.ts";

/** One tier, with quantities as the tables count them. Its index in the list of tiers is its number everywhere. */
export interface Tier {
  readonly name: string;
  readonly vcpu: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
  readonly gpus: number;
  readonly gpuMemoryBytes: number;
  /** When a proxied request gives its capacity back. */
  readonly reservation: "request" | "timeout";
  /** Overrides the global one; absent = does not. */
  readonly strategy?: StrategyName;
}

/** Where a backend takes requests. */
export interface Origin {
  readonly scheme: "http" | "https";
  /** It speaks HTTP/2, and is spoken to in nothing else. */
  readonly isHttp2: boolean;
  /** Host without brackets; what TLS verifies and what resolves to addresses. */
  readonly host: string;
  readonly port: number;
  /** Value of `Host` towards the backend: host, in brackets if IPv6, and the port unless it is the scheme's. */
  readonly authority: string;
  /** Path that precedes the request's path, without a trailing slash; usually empty. */
  readonly basePath: string;
  /** Identity for connection pools: protocol, scheme, host and port. */
  readonly key: string;
}

export interface Endpoint {
  /** As registered. */
  readonly url: string;
  readonly origin: Origin;
}

/** A backend as workers see it. `row` and `generation` tie it to its row of the backend table. */
export interface Backend {
  readonly row: number;
  readonly generation: number;
  readonly clientId: string;
  readonly hostname: string;
  /** At least one; the first is the primary endpoint, which also serves what no pattern matches. */
  readonly endpoints: readonly Endpoint[];
  /** Index into the list of path groups: backends whose endpoints have the same patterns share a group. */
  readonly pathGroup: number;
  /** Registered from this host: its endpoints may be loopback addresses (see AddressPolicy). */
  readonly loopbackAllowed?: boolean;
}

/**
 * The patterns of a backend's endpoints: `patterns[i]` belongs to endpoint i. An endpoint with no patterns
 * serves every path with the lowest precedence.
 */
export interface PathGroup {
  readonly patterns: readonly (readonly string[])[];
}

import { isIP } from "node:net";
import { compilePatterns, type EndpointMatcher } from "../../../core/http/path-match.ts";
import type { BackendTls } from "../../../core/plane/messages.ts";
import type { Backend, Origin, PathGroup } from "../../../core/plane/snapshot.ts";
import { tlsFor } from "../../../core/tls/backend-tls.ts";
import type { UpstreamPool } from "../exchange/sides.ts";
import type { AddressGate } from "../guards/address-gate.ts";
import { ConnectionPool } from "../http1/connection-pool.ts";
import { SessionPool } from "../http2/session-pool.ts";
import type { ConnectTarget, Names, TlsTarget } from "../net/connect-target.ts";
import type { PoolLimits, Slots, Wiring } from "../net/wiring.ts";

/** How backends are reached. */
export interface Ways {
  readonly tls: BackendTls;
  readonly gate: AddressGate;
  readonly names: Names;
}

/** A backend and, for each of its endpoints, this worker's pool of connections. */
export interface Place {
  readonly backend: Backend;
  readonly pools: readonly UpstreamPool[];
}

interface SharedPool {
  readonly pool: UpstreamPool;
  users: number;
}

/** What this worker knows of backends beyond the tables: URLs, names, path patterns, connection pools. */
export class Directory {
  readonly #places: (Place | null)[] = [];
  readonly #pools = new Map<string, SharedPool>();
  readonly #matchers: EndpointMatcher[] = [];
  readonly #wiring: Wiring;
  readonly #limits: PoolLimits;
  readonly #ways: Ways;
  readonly #slotsOf: (backend: Backend) => Slots;
  readonly #confining: boolean[] = [];
  #endpoints = new Int32Array(0);
  /** Null when a change has made it unknown. */
  #pathsMatter: boolean | null = null;

  constructor(wiring: Wiring, limits: PoolLimits, ways: Ways, slotsOf: (backend: Backend) => Slots) {
    this.#wiring = wiring;
    this.#limits = limits;
    this.#ways = ways;
    this.#slotsOf = slotsOf;
  }

  /** Some backend has path patterns. */
  get hasPatterns(): boolean {
    // Groups that no backend has any more do not count.
    this.#pathsMatter ??= this.#places.some(
      (place) => place !== null && this.#confining[place.backend.pathGroup] === true,
    );
    return this.#pathsMatter;
  }

  /** Sets groups from `index` on: new ones, or successors of groups that no backend has any more. */
  addGroups(index: number, groups: readonly PathGroup[]): void {
    groups.forEach((group, offset) => {
      this.#matchers[index + offset] = compilePatterns(group);
      // A group whose endpoints have no patterns serves every path: it needs no matching.
      this.#confining[index + offset] = group.patterns.some((patterns) => patterns.length > 0);
    });
    this.#endpoints = new Int32Array(this.#matchers.length);
    this.#pathsMatter = null;
  }

  /** Sets the backend of a row, or forgets it. Connections of requests in flight live on. */
  set(row: number, backend: Backend | null): void {
    const before = this.#places[row];
    this.#places[row] =
      backend === null
        ? null
        : { backend, pools: backend.endpoints.map(({ origin }) => this.#acquire(origin, backend)) };
    // After the new one has its pools, so that an origin that stays keeps its connections.
    if (before)
      for (const { origin } of before.backend.endpoints) this.#release(poolKey(origin, before.backend));
    this.#pathsMatter = null;
  }

  /** The backend of a row, if this worker knows it in that generation. */
  place(row: number, generation: number): Place | null {
    const place = this.#places[row];
    return place && place.backend.generation === generation ? place : null;
  }

  /** The backend of a row in any generation. */
  backendAt(row: number): Backend | null {
    return this.#places[row]?.backend ?? null;
  }

  /** For each path group the endpoint that serves the path; null when no pattern exists. Valid until the next call. */
  endpointsFor(path: string): Int32Array | null {
    if (!this.hasPatterns) return null;
    const endpoints = this.#endpoints;
    for (let group = 0; group < endpoints.length; group++) {
      endpoints[group] = this.#matchers[group]?.(path) ?? -1;
    }
    return endpoints;
  }

  closeIdle(): void {
    for (const { pool } of this.#pools.values()) pool.closeIdle();
  }

  #acquire(origin: Origin, backend: Backend): UpstreamPool {
    const key = poolKey(origin, backend);
    const known = this.#pools.get(key);
    if (known !== undefined) {
      known.users++;
      return known.pool;
    }
    const target = this.#target(origin, backend);
    const Pool = origin.isHttp2 ? SessionPool : ConnectionPool;
    const pool = new Pool(target, this.#limits, this.#wiring, this.#slotsOf(backend));
    this.#pools.set(key, { pool, users: 1 });
    return pool;
  }

  #release(key: string): void {
    const shared = this.#pools.get(key);
    if (shared === undefined || --shared.users > 0) return;
    shared.pool.retire();
    this.#pools.delete(key);
  }

  #target(origin: Origin, backend: Backend): ConnectTarget {
    const { host, port } = origin;
    const { names, gate } = this.#ways;
    const loopbackAllowed = backend.loopbackAllowed === true;
    const protocol: TlsTarget["protocol"] = origin.isHttp2 ? "h2" : "http/1.1";
    const tls = { ...tlsFor(host, this.#ways.tls), protocol };
    return {
      kind: "tcp",
      host,
      port,
      names: isIP(host) === 0 ? names : null,
      tls: origin.scheme === "https" ? tls : null,
      admits: (address) => gate(host, address, loopbackAllowed),
    };
  }
}

/** Each backend has connections of its own: they are counted, and may be limited. */
function poolKey(origin: Origin, { row, generation, loopbackAllowed }: Backend): string {
  return `${row} ${generation} ${origin.key}${loopbackAllowed === true ? " local" : ""}`;
}

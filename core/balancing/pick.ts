/** What a pick is asked and what it answers. */
import type { StrategyName } from "./strategies/names.ts";

/** One mutable object per worker or exchange, reused: a pick allocates nothing. */
export interface PickQuery {
  tier: number;
  nowMs: number;
  /** `route` leases live until released or expired, `request` leases until settled. */
  kind: "route" | "request";
  /** Whether x, y, z hold the client's place, as a unit vector. */
  located: boolean;
  x: number;
  y: number;
  z: number;
  /** Whether stickyHi and stickyLo hold the hash of a sticky id. */
  sticky: boolean;
  stickyHi: number;
  stickyLo: number;
  /** Whether clientHi and clientLo hold what a migration knows the client by. */
  client: boolean;
  clientHi: number;
  clientLo: number;
  /** Hash of what `ip_hash` goes by, such as the client's address. */
  hashHi: number;
  hashLo: number;
  /** Overrides the strategy of the tier; null = does not. */
  strategy: StrategyName | null;
  /** Row that the request brings along as its own, by a cookie, and the generation that it means; -1 = none. */
  preferredRow: number;
  preferredGeneration: number;
  /** Per path group: index of the endpoint that serves the path, or -1. Null: the path plays no part. */
  endpointOfGroup: Int32Array | null;
  /** Rows that this request has tried already. */
  excluded: readonly number[];
}

/** Gives a query with nothing known but the tier. */
export function newPickQuery(tier = 0): PickQuery {
  return {
    tier,
    nowMs: 0,
    kind: "request",
    located: false,
    x: 0,
    y: 0,
    z: 0,
    sticky: false,
    stickyHi: 0,
    stickyLo: 0,
    client: false,
    clientHi: 0,
    clientLo: 0,
    hashHi: 0,
    hashLo: 0,
    strategy: null,
    preferredRow: -1,
    preferredGeneration: 0,
    endpointOfGroup: null,
    excluded: [],
  };
}

/** `no_backend`: nothing was left before the capacity filters; `no_capacity`: backends there are, but no room. */
export type PickStatus = "picked" | "no_backend" | "no_capacity";

/** A chosen backend and what is held on it until the pick is settled; reusable once it is. */
export class Pick {
  row = -1;
  generation = 0;
  /** Index of the endpoint that serves the path; 0 when the path plays no part or none matches. */
  endpoint = 0;
  /** Slot of the lease. */
  lease = -1;
  leaseGeneration = 0;
  /** Requests that were in flight on the row when it was picked. */
  others = 0;
  /** Settling gives the lease back, unlike that of a route or of a tier that is reserved by time. */
  holdsLease = false;
  /** Circuit breaker of the endpoint. */
  breaker = -1;
  /** Mark of the request that tries a half-open breaker; 0 for any other. */
  trial = 0;
  /** The breaker has been told what the request met. */
  isObserved = false;
  /** Its answer, or that there is none, will be told by `latency`. */
  isAwaited = false;
  stickyOutcome: "none" | "kept" | "assigned" = "none";
  /** Whether the session's use is worth persisting: it is new, or was not used for a while. */
  isStickyUseDue = false;
  /** NaN when either place is unknown. */
  distanceKm = NaN;
  settled = true;

  /** The request tries a half-open breaker. */
  get isTrial(): boolean {
    return this.trial !== 0;
  }
}

/** `POST /route` and `POST /route/explain`: which backend would, or shall, take a request. */
import { type Static, Type } from "@sinclair/typebox";

export const RouteRequestSchema = Type.Object({
  tier: Type.Optional(Type.String({ maxLength: 64 })),
  client_ip: Type.Optional(Type.String({ maxLength: 64 })),
  client_lat: Type.Optional(Type.Number({ minimum: -90, maximum: 90 })),
  client_lon: Type.Optional(Type.Number({ minimum: -180, maximum: 180 })),
  /** Raw path of the request to come, for backends with path-based endpoints. */
  path: Type.Optional(
    Type.String({
      maxLength: 8192,
      pattern: "^/",
      expected: "a path of at most 8192 characters that starts with /",
    }),
  ),
});

export type RouteRequest = Static<typeof RouteRequestSchema>;

/** Answer of `POST /route`; `distance_km` is absent when either place is unknown. */
export interface RouteAnswer {
  readonly client_id: string;
  readonly endpoint: string;
  readonly hostname: string;
  readonly distance_km?: number;
  readonly lease_id: string;
  readonly expires_in_seconds: number;
}

/** Answer of `POST /route/explain`; nothing is taken. */
export interface ExplainAnswer {
  readonly tier: string;
  /** By which the backend would be chosen. */
  readonly strategy: string;
  /** Where the strategy goes by chance, one that chance may choose. */
  readonly chosen: string | null;
  readonly backends: readonly ExplainedBackend[];
}

export interface ExplainedBackend {
  readonly client_id: string;
  readonly eligible: boolean;
  /** Why it was removed, with the figures; null when it is eligible. */
  readonly reason: string | null;
  /** The figure by which the strategy compares backends, lower wins; null when it goes by none or the backend is not eligible. */
  readonly score: number | null;
  /** Of the strategy `resource`. */
  readonly terms: {
    readonly distance: number;
    readonly cpu: number;
    readonly memory: number;
    readonly gpu: number;
    readonly latency: number;
    /** Load since the last report. */
    readonly in_flight: number;
  };
  readonly in_flight: number;
  readonly leases: number;
  readonly report_age_seconds: number | null;
}

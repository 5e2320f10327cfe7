import type { ServerConfig } from "../config/server-schema.ts";
import type { Tier } from "../plane/snapshot.ts";

export interface PickerOptions {
  /** A backend whose last report is older gets nothing. */
  readonly staleMs: number;
  /** Whether unhealthy backends are removed. */
  readonly healthChecks: boolean;
  /** A sticky assignment that was not used for longer is forgotten. */
  readonly stickyTtlMs: number;
  /** Whether a session prefers the backend that it has under another tier. */
  readonly affinity: boolean;
  /** How long a lease of `/route`, or of a tier that is reserved by time, lasts. */
  readonly leaseTtlMs: number;
  /** Score per kilometre between client and backend. */
  readonly distanceWeight: number;
  readonly tiers: readonly Tier[];
}

/** Gives the options that a configuration asks for; `tiers` as made by `toTiers`. */
export function pickerOptions(config: ServerConfig, tiers: readonly Tier[]): PickerOptions {
  return {
    staleMs: config.stale_minutes * 60_000,
    healthChecks: config.health_check_enabled,
    stickyTtlMs: config.sticky_ttl_seconds * 1000,
    affinity: config.sticky_affinity_enabled,
    leaseTtlMs: config.pending_allocation_timeout_seconds * 1000,
    distanceWeight: config.score_weights.distance,
    tiers,
  };
}

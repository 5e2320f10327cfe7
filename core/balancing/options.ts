import type { ServerConfig } from "../config/schema/server-schema.ts";
import type { Tier } from "../plane/snapshot.ts";
import type { RetryBudget } from "../resilience/retry.ts";
import type { BreakerOptions } from "./breakers.ts";
import { type StrategyName, strategyNamed } from "./strategies/names.ts";

/** How strategies compare backends. */
export interface BalancingOptions {
  /** Of tiers and paths that name none. */
  readonly strategy: StrategyName;
  /** Score per kilometre between client and backend. */
  readonly distanceWeight: number;
  /** Score per percent of CPU that requests are taken to keep busy since the last reports; 0 = none. */
  readonly inFlightWeight: number;
  /** Shares are weight times free cores. */
  readonly weightByCapacity: boolean;
  /** How many times its share of the requests in flight a backend may have under `ip_hash`; 0 = any number. */
  readonly hashBalanceFactor: number;
  /** Share of the backends, from 0 to 1, that are not hot for `prequal`. */
  readonly hotQuantile: number;
  /** After this time without requests a latency is believed by a third (1/e). */
  readonly latencyDecayMs: number;
}

export interface PickerOptions extends BalancingOptions {
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
  readonly tiers: readonly Tier[];
  /** Null = no breakers. */
  readonly breakers: BreakerOptions | null;
  /** Below this share of healthy backends (0 to 1) all are used, healthy or not; 0 = never. */
  readonly panicBelow: number;
  /** How long a backend that is back takes to get its whole share; 0 = none. */
  readonly slowStartMs: number;
}

/** Gives the options that a configuration asks for; `tiers` as made by `toTiers`. */
export function pickerOptions(config: ServerConfig, tiers: readonly Tier[]): PickerOptions {
  return {
    staleMs: config.stale_minutes * 60_000,
    healthChecks: config.health_check_enabled,
    stickyTtlMs: config.sticky_ttl_seconds * 1000,
    affinity: config.sticky_affinity_enabled,
    leaseTtlMs: config.pending_allocation_timeout_seconds * 1000,
    ...balancingOptions(config),
    tiers,
    breakers: config.breaker_enabled ? breakerOptions(config) : null,
    panicBelow: config.panic_threshold_percent / 100,
    slowStartMs: config.slow_start_seconds * 1000,
  };
}

function balancingOptions(config: ServerConfig): BalancingOptions {
  return {
    strategy: strategyNamed(config.strategy) ?? "resource",
    distanceWeight: config.score_weights.distance,
    inFlightWeight: config.in_flight_weight,
    weightByCapacity: config.weight_by_capacity,
    hashBalanceFactor: config.ip_hash_balance_factor,
    hotQuantile: config.prequal_hot_percent / 100,
    latencyDecayMs: config.latency_decay_seconds * 1000,
  };
}

/** Gives the share of retries that a configuration allows. */
export function retryBudget(config: ServerConfig): RetryBudget {
  return { share: config.retry_budget_percent / 100, least: config.retry_budget_min };
}

function breakerOptions(config: ServerConfig): BreakerOptions {
  return {
    failures: config.breaker_failures,
    connectFailures: config.breaker_connect_failures,
    failureRatio: config.breaker_failure_percent / 100,
    minRequests: config.breaker_min_requests,
    windowMs: config.breaker_window_seconds * 1000,
    openMs: config.breaker_open_seconds * 1000,
    maxOpenMs: config.breaker_max_open_seconds * 1000,
    trialSuccesses: config.breaker_successes,
    trialMs: config.breaker_half_open_timeout_seconds * 1000,
    maxEjected: config.max_ejection_percent / 100,
  };
}

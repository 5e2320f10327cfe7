import type { PickerOptions } from "../../core/balancing/options.ts";
import type { SharedTables } from "../../core/plane/messages.ts";
import type { Tier } from "../../core/plane/snapshot.ts";
import { allocateTables, type TableSizes } from "../../core/table/tables.ts";
import { Prng } from "./prng.ts";

export const GB = 2 ** 30;
export const NOW_MS = 1_760_000_000_000;

/** A tier with quantities in the units of the configuration. */
export function tierOf(name: string, vcpu: number, sizes: Partial<TierSizes> = {}): Tier {
  const { memoryGb = 0, storageGb = 0, gpus = 0, gpuMemoryGb = 0, reservation = "request" } = sizes;
  return {
    name,
    vcpu,
    memoryBytes: Math.round(memoryGb * GB),
    storageBytes: Math.round(storageGb * GB),
    gpus,
    gpuMemoryBytes: Math.round(gpuMemoryGb * GB),
    reservation,
  };
}

export interface TierSizes {
  readonly memoryGb: number;
  readonly storageGb: number;
  readonly gpus: number;
  readonly gpuMemoryGb: number;
  readonly reservation: "request" | "timeout";
}

export function newTables(sizes: Partial<TableSizes> = {}): SharedTables {
  const random = new Prng(7);
  const unlimited = { perMinute: 0, burst: 1 };
  return allocateTables(
    {
      maxBackends: 16,
      tiers: 1,
      maxLeases: 1024,
      maxStickyEntries: 256,
      maxRateEntries: 64,
      workers: 1,
      managementRate: unlimited,
      proxyRate: unlimited,
      authFailures: unlimited,
      durationBoundsMs: [10, 100, 1000],
      ...sizes,
    },
    () => random.word(),
  );
}

export function newOptions(tiers: readonly Tier[], options: Partial<PickerOptions> = {}): PickerOptions {
  return {
    staleMs: 300_000,
    healthChecks: true,
    stickyTtlMs: 86_400_000,
    affinity: true,
    leaseTtlMs: 120_000,
    strategy: "resource",
    distanceWeight: 1,
    inFlightWeight: 1,
    weightByCapacity: false,
    hashBalanceFactor: 0,
    hotQuantile: 0.84,
    latencyDecayMs: 10_000,
    breakers: null,
    panicBelow: 0,
    slowStartMs: 0,
    tiers,
    ...options,
  };
}

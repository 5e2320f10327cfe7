import { strategyNamed } from "../balancing/strategies/names.ts";
import { DEFAULT_TIERS, type ServerConfig, type TierConfig } from "../config/server-schema.ts";
import type { Tier } from "../plane/snapshot.ts";
import { bytesOf } from "./capacity.ts";

/** The tier of requests that name none, when the configuration does not say. */
const USUAL_TIER = "lite";

/** Gives the tiers of a validated configuration in the tables' units, and the number of the default one. */
export function toTiers(config: ServerConfig): { tiers: Tier[]; defaultTier: number } {
  const listed: readonly TierConfig[] = config.tiers.length > 0 ? config.tiers : DEFAULT_TIERS;
  const tiers = listed.map((tier) => toTier(tier, config.reservation));
  const wanted = config.default_tier === "" ? USUAL_TIER : config.default_tier;
  return {
    tiers,
    defaultTier: Math.max(
      0,
      tiers.findIndex((tier) => tier.name === wanted),
    ),
  };
}

function toTier(tier: TierConfig, reservation: Tier["reservation"]): Tier {
  const strategy = strategyNamed(tier.strategy ?? "");
  return {
    name: tier.name,
    vcpu: tier.vcpu,
    memoryBytes: bytesOf(tier.memory_gb),
    storageBytes: bytesOf(tier.storage_gb),
    gpus: tier.gpu,
    gpuMemoryBytes: bytesOf(tier.gpu_memory_gb),
    reservation: tier.reservation ?? reservation,
    ...(strategy === null ? {} : { strategy }),
  };
}

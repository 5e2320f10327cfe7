import { strategyNamed } from "../balancing/strategies/names.ts";
import { DEFAULT_TIERS, type ServerConfig, type TierConfig } from "../config/schema/server-schema.ts";
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

/**
 * Gives the tiers of a changed configuration, those that stay under their number: leases and sessions know tiers by it.
 * A tier that is gone keeps its number, without a name, until another one needs it. Null when more than `most` numbers
 * would be needed.
 */
export function renumberTiers(
  before: readonly Tier[],
  config: ServerConfig,
  most: number,
): { readonly tiers: readonly Tier[]; readonly defaultTier: number } | null {
  const { tiers: wanted, defaultTier } = toTiers(config);
  const byName = new Map(wanted.map((tier) => [tier.name, tier]));
  const next = before.map((tier) => byName.get(tier.name) ?? { ...tier, name: "" });
  const known = new Set(next.map(({ name }) => name));
  for (const tier of wanted) {
    if (known.has(tier.name)) continue;
    const free = next.length < most ? next.length : next.findIndex(({ name }) => name === "");
    if (free < 0) return null;
    next[free] = tier;
  }
  const usual = wanted[defaultTier]?.name;
  return {
    tiers: next,
    defaultTier: Math.max(
      0,
      next.findIndex(({ name }) => name === usual),
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

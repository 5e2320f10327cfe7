import type { Tier } from "../plane/snapshot.ts";
import { f64, i32 } from "../table/buffer-layout.ts";
import { popCount } from "./bits.ts";
import type { Eligibility } from "./eligibility.ts";
import { FILTER_NAMES, type FilterName, type Verdict, type VerdictFigures } from "./filters.ts";

const GB = 2 ** 30;

const REASONS: Readonly<Record<FilterName, (figures: VerdictFigures, tier: Tier) => string>> = {
  disabled: () => "disabled: the backend is not in service",
  draining: () => "draining: the backend takes no new sessions",
  weight: () => "weight: it is 0, the backend takes no new sessions",
  stale: ({ reportAgeMs }) =>
    Number.isFinite(reportAgeMs)
      ? `stale: the last report is ${Math.round(reportAgeMs / 1000)} s old`
      : "stale: no report yet",
  unhealthy: () => "unhealthy: health checks fail",
  ejected: ({ ejectedForMs }) =>
    ejectedForMs > 0
      ? `ejected: requests failed there; the next is tried in ${Math.ceil(ejectedForMs / 1000)} s`
      : "ejected: requests failed there; one is being tried",
  path: () => "path: no endpoint of the backend serves it, but another backend does",
  migration: ({ newGroupShare }) =>
    `migration: not for this request; the new group gets ${Number((newGroupShare * 100).toFixed(4))} % of them`,
  excluded: () => "excluded: tried already for this request",
  limit: ({ inFlight, maxInFlight }) => `limit: ${inFlight} of at most ${maxInFlight} requests in flight`,
  cpu: ({ freeCores, reportedFreeCores }, tier) =>
    `cpu: ${freeCores} of ${reportedFreeCores} cores free after leases, tier needs ${tier.vcpu}`,
  memory: ({ memoryFreeBytes }, tier) =>
    `memory: ${gb(memoryFreeBytes)} GB free after leases, tier needs ${gb(tier.memoryBytes)} GB`,
  disk: ({ diskFreeBytes }, tier) =>
    `disk: ${gb(diskFreeBytes)} GB free after leases, tier needs ${gb(tier.storageBytes)} GB`,
  gpu: ({ freeGpus }, tier) =>
    `gpu: ${freeGpus} GPUs free after leases with ${gb(tier.gpuMemoryBytes)} GB of VRAM, tier needs ${tier.gpus}`,
  backup: () => "backup: a backend that it stands in for can take it",
};

/** Says which filter removes a row from the query that the eligibility is prepared for, with the figures. */
export function verdictOf(eligibility: Eligibility, row: number, nowMs: number): Verdict {
  const filter = FILTER_NAMES[eligibility.failing(row)] ?? null;
  const figures = figuresOf(eligibility, row, nowMs);
  return { filter, reason: filter === null ? null : REASONS[filter](figures, eligibility.tier), figures };
}

function figuresOf(eligibility: Eligibility, row: number, nowMs: number): VerdictFigures {
  const { columns } = eligibility;
  const reportedFreeCores = i32(columns.freeCores, row);
  return {
    reportAgeMs: nowMs - f64(columns.reportedAtMs, row),
    freeCores: reportedFreeCores - i32(columns.leasedCores, row),
    reportedFreeCores,
    memoryFreeBytes: f64(columns.memoryAvail, row) - f64(columns.leasedMemory, row),
    diskFreeBytes: f64(columns.diskAvail, row) - f64(columns.leasedDisk, row),
    freeGpus: popCount(eligibility.freeGpus(row)),
    inFlight: i32(columns.inFlight, row),
    maxInFlight: i32(columns.maxInFlight, row),
    ejectedForMs: eligibility.breakers.openForMs(eligibility.breakerOf(row), nowMs),
    leases: i32(columns.leaseCount, row),
    newGroupShare: eligibility.migration.share,
  };
}

function gb(bytes: number): string {
  return String(Math.round((bytes / GB) * 100) / 100);
}

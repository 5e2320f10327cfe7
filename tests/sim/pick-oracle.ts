/**
 * The rules of routing, written a second time, slowly and literally from their description, over plain objects:
 * "which backend should take this request?". It shares nothing with the code that it judges.
 */

export interface OracleTier {
  readonly vcpu: number;
  readonly memoryGb: number;
  readonly storageGb: number;
  readonly gpus: number;
  readonly gpuMemoryGb: number;
}

export interface OracleGpu {
  /** Percent; null = could not be read. */
  readonly use: number | null;
  readonly totalGb: number | null;
  readonly usedGb: number | null;
}

export interface OracleLease {
  readonly tier: OracleTier;
  /** Numbers of the GPUs that it names. */
  readonly gpus: readonly number[];
  /** Null: until its request ends. */
  readonly expiresMs: number | null;
}

export interface OraclePlace {
  readonly lat: number;
  readonly lon: number;
}

/** One that is closed lost a migration. */
export type OraclePart = "none" | "from" | "to" | "closed";

export interface OracleBackend {
  readonly row: number;
  enabled: boolean;
  draining: boolean;
  healthy: boolean;
  reportedMs: number;
  /** Busy cores that the reports show by now, of those that requests and leases keep busy. */
  seenLoad: number;
  readonly cores: readonly number[];
  readonly memoryTotalGb: number;
  readonly memoryUsedGb: number;
  readonly memoryAvailGb: number;
  readonly diskAvailGb: number;
  readonly gpus: readonly OracleGpu[];
  readonly latencyMs: number | null;
  readonly place: OraclePlace | null;
  readonly group: number;
  /** Its part in a migration. */
  readonly part: OraclePart;
  /** Numbers of the endpoints whose probes fail, while the backend as a whole is not unhealthy. */
  readonly down: readonly number[];
  /** By endpoint: until when it is left alone; 0 = it is not. Afterwards one request at a time may try it. */
  readonly openUntilMs: readonly [number, number];
  /** The endpoints that are being tried, and since when. */
  tried: OracleTrial[];
  /** By endpoint: when the last one began; those of the same millisecond count as one after the other. */
  lastTrialMs: number[];
  /** 0 = it takes no new requests. */
  readonly weight: number;
  /** The row of the backend that it stands in for, or "none" or "all". */
  backupOf: number | "none" | "all";
  /** Most requests in flight; 0 = any number. */
  readonly maxInFlight: number;
  inFlight: number;
  leases: OracleLease[];
}

export interface OracleTrial {
  readonly endpoint: number;
  readonly sinceMs: number;
}

export interface OracleRules {
  readonly trialMs: number;
  readonly staleMs: number;
  readonly healthChecks: boolean;
  readonly cpuThreshold: number;
  readonly gpuThreshold: number;
  /** Score for each percent of CPU that is busy beyond what reports show. */
  readonly inFlightWeight: number;
  readonly weights: {
    readonly distance: number;
    readonly cpu: number;
    readonly memory: number;
    readonly gpu: number;
    readonly latency: number;
  };
}

export interface OracleRequest {
  readonly tier: OracleTier;
  readonly nowMs: number;
  readonly place: OraclePlace | null;
  /** By path group: the endpoint that serves the path or -1. Null: no path. */
  readonly endpoints: readonly number[] | null;
  readonly excluded: readonly number[];
  /** The parts in a migration that may take it. */
  readonly parts: readonly OraclePart[];
}

/** Whoever may take a request whose own group cannot. */
export const OPEN_PARTS: readonly OraclePart[] = ["none", "from", "to"];

/** Scores that differ by less are equal but for rounding; different ones are made to differ by far more. */
const TIE = 1e-9;

/** The filter that removes a backend, in the order of the rules, or null. */
export function oracleFilter(
  backend: OracleBackend,
  fleet: readonly OracleBackend[],
  request: OracleRequest,
  rules: OracleRules,
): string | null {
  const own = oracleOwnFilter(backend, fleet, request, rules);
  if (own !== null || backend.backupOf === "none") return own;
  const waitsFor = (other: OracleBackend): boolean =>
    backend.backupOf === "all" ? other.backupOf !== "all" : other.row === backend.backupOf;
  const isIdle = fleet.some(
    (other) => waitsFor(other) && oracleOwnFilter(other, fleet, request, rules) === null,
  );
  return isIdle ? "backup" : null;
}

/** The same, as if no backend were a backup. */
function oracleOwnFilter(
  backend: OracleBackend,
  fleet: readonly OracleBackend[],
  request: OracleRequest,
  rules: OracleRules,
): string | null {
  if (!backend.enabled) return "disabled";
  if (backend.draining) return "draining";
  if (backend.weight === 0) return "weight";
  if (request.nowMs - backend.reportedMs > rules.staleMs) return "stale";
  const { endpoints } = request;
  const endpoint = oracleEndpoint(backend, fleet, request);
  if (rules.healthChecks && (!backend.healthy || backend.down.includes(endpoint))) return "unhealthy";
  const openUntilMs = backend.openUntilMs[endpoint] ?? 0;
  // One that takes too long keeps nobody from being the next.
  const isBeingTried = backend.tried.some(
    (trial) => trial.endpoint === endpoint && request.nowMs - trial.sinceMs < rules.trialMs,
  );
  if (openUntilMs !== 0 && (openUntilMs > request.nowMs || isBeingTried)) return "ejected";
  if (endpoints !== null && isServed(fleet, endpoints) && (endpoints[backend.group] ?? -1) < 0) return "path";
  if (!request.parts.includes(backend.part)) return "migration";
  if (request.excluded.includes(backend.row)) return "excluded";
  return oracleRoom(backend, request, rules);
}

/** The endpoint that would serve the path: the first one where none does, or where the path plays no part. */
export function oracleEndpoint(
  backend: OracleBackend,
  fleet: readonly OracleBackend[],
  { endpoints }: OracleRequest,
): number {
  if (endpoints === null || !isServed(fleet, endpoints)) return 0;
  return Math.max(0, endpoints[backend.group] ?? 0);
}

function isServed(fleet: readonly OracleBackend[], endpoints: readonly number[]): boolean {
  return fleet.some((other) => other.enabled && (endpoints[other.group] ?? -1) >= 0);
}

function oracleRoom(backend: OracleBackend, request: OracleRequest, rules: OracleRules): string | null {
  const { tier } = request;
  if (backend.maxInFlight > 0 && backend.inFlight >= backend.maxInFlight) return "limit";
  const held = backend.leases.filter((lease) => lease.expiresMs === null || lease.expiresMs > request.nowMs);
  const sum = (of: (tier: OracleTier) => number): number =>
    held.reduce((total, lease) => total + of(lease.tier), 0);
  const freeCores = backend.cores.filter((use) => use < rules.cpuThreshold).length;
  if (freeCores - sum((t) => t.vcpu) < tier.vcpu) return "cpu";
  if (bytes(backend.memoryAvailGb) - sum((t) => bytes(t.memoryGb)) < bytes(tier.memoryGb)) return "memory";
  if (bytes(backend.diskAvailGb) - sum((t) => bytes(t.storageGb)) < bytes(tier.storageGb)) return "disk";
  if (tier.gpus > 0 && oracleFreeGpus(backend, request, rules).length < tier.gpus) return "gpu";
  return null;
}

/** Numbers of the GPUs that a lease of the tier could name: those with the least free VRAM first. */
export function oracleFreeGpus(backend: OracleBackend, request: OracleRequest, rules: OracleRules): number[] {
  const named = backend.leases
    .filter((lease) => lease.expiresMs === null || lease.expiresMs > request.nowMs)
    .flatMap((lease) => lease.gpus);
  const free: { gpu: number; vram: number }[] = [];
  for (const [gpu, { use, totalGb, usedGb }] of backend.gpus.entries()) {
    if (use === null || totalGb === null || usedGb === null || named.includes(gpu)) continue;
    const vram = bytes(totalGb - usedGb);
    if (use < rules.gpuThreshold && vram >= bytes(request.tier.gpuMemoryGb)) free.push({ gpu, vram });
  }
  return free.toSorted((a, b) => a.vram - b.vram || a.gpu - b.gpu).map(({ gpu }) => gpu);
}

/** The row that takes the request: of its own group, else of any that is not closed, else, if nobody is in service, of all. */
export function oracleWidePick(
  fleet: readonly OracleBackend[],
  request: OracleRequest,
  rules: OracleRules,
): number | "no_backend" | "no_capacity" {
  const own = oraclePick(fleet, request, rules);
  if (typeof own === "number") return own;
  const open = { ...request, parts: OPEN_PARTS };
  const other = oraclePick(fleet, open, rules);
  if (typeof other === "number") return other;
  const filters = fleet.map((backend) => oracleFilter(backend, fleet, open, rules));
  if (filters.some((filter) => isAboutRoom(filter) || filter === "excluded")) return other;
  return oraclePick(fleet, { ...request, parts: [...OPEN_PARTS, "closed"] }, rules);
}

/** The row that takes the request, or why there is none. */
export function oraclePick(
  fleet: readonly OracleBackend[],
  request: OracleRequest,
  rules: OracleRules,
): number | "no_backend" | "no_capacity" {
  const filters = fleet.map((backend) => oracleFilter(backend, fleet, request, rules));
  const left = fleet.filter((_, index) => filters[index] === null);
  if (left.length === 0) {
    return filters.some(isAboutRoom) ? "no_capacity" : "no_backend";
  }
  const distances = left.map((backend) => oracleDistance(backend.place, request.place));
  const known = distances.filter((km) => km !== null).toSorted((a, b) => a - b);
  const unknownKm = request.place === null ? 0 : oracleMedian(known);
  const scored = left.map((backend, index) => ({
    backend,
    score:
      oracleScore(backend, request.tier, distances[index] ?? unknownKm, rules) +
      oracleLoadScore(backend, request.nowMs, rules),
  }));
  const best = Math.min(...scored.map(({ score }) => score));
  const tied = scored.filter(({ score }) => score - best < TIE).map(({ backend }) => backend);
  const calmest = Math.min(...tied.map(({ inFlight }) => inFlight));
  return Math.min(...tied.filter(({ inFlight }) => inFlight === calmest).map(({ row }) => row));
}

function isAboutRoom(filter: string | null): boolean {
  return ["limit", "cpu", "memory", "disk", "gpu", "backup"].includes(filter ?? "");
}

/** What has begun since the reports: of each request or lease the cores of its tier, at least one for each request. */
function oracleLoadScore(backend: OracleBackend, nowMs: number, { inFlightWeight }: OracleRules): number {
  const unseen = Math.max(0, oracleLoad(backend, nowMs) - backend.seenLoad);
  const percentOfOneCore = backend.cores.length === 0 ? 12.5 : 100 / backend.cores.length;
  return inFlightWeight * unseen * percentOfOneCore;
}

/** Cores that are taken to be busy for requests and leases. */
export function oracleLoad(backend: OracleBackend, nowMs: number): number {
  const live = backend.leases.filter(({ expiresMs }) => expiresMs === null || expiresMs > nowMs);
  return Math.max(
    backend.inFlight,
    live.reduce((sum, { tier }) => sum + tier.vcpu, 0),
  );
}

/** The formula: lower wins. */
export function oracleScore(
  backend: OracleBackend,
  tier: OracleTier,
  distanceKm: number,
  rules: OracleRules,
): number {
  const { weights } = rules;
  const leastLoaded = [...backend.cores]
    .toSorted((a, b) => a - b)
    .slice(0, Math.min(tier.vcpu, backend.cores.length));
  const cpu = oracleMean(leastLoaded);
  const memory = backend.memoryTotalGb === 0 ? 0 : (backend.memoryUsedGb / backend.memoryTotalGb) * 100;
  const uses = backend.gpus.map((gpu) => gpu.use).filter((use) => use !== null);
  const gpu = tier.gpus > 0 ? oracleMean(uses) : 0;
  return (
    distanceKm * weights.distance +
    cpu * weights.cpu +
    memory * weights.memory +
    gpu * weights.gpu +
    (backend.latencyMs ?? 0) * weights.latency
  );
}

/** Haversine on a sphere of 6371 km; null when a place is unknown. */
export function oracleDistance(from: OraclePlace | null, to: OraclePlace | null): number | null {
  if (from === null || to === null) return null;
  const a =
    Math.sin(rad(to.lat - from.lat) / 2) ** 2 +
    Math.cos(rad(from.lat)) * Math.cos(rad(to.lat)) * Math.sin(rad(to.lon - from.lon) / 2) ** 2;
  return 6371 * 2 * Math.atan2(Math.sqrt(a), Math.sqrt(1 - a));
}

function rad(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

function oracleMedian(sorted: readonly number[]): number {
  if (sorted.length === 0) return 0;
  const middle = sorted.length / 2;
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)] ?? 0;
  return ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

function oracleMean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;
}

function bytes(gb: number): number {
  return Math.round(gb * 1024 ** 3);
}

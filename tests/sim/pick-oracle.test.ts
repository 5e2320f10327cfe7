/** 300,000 random fleets and requests: the pick is the one that the rules, implemented a second time, demand. */
import { expect, test } from "bun:test";
import { FILTER_NAMES, type FilterName } from "../../core/balancing/filters.ts";
import { newPickQuery, Pick, type PickQuery } from "../../core/balancing/pick.ts";
import { Picker } from "../../core/balancing/picker.ts";
import type { ServerConfig } from "../../core/config/schema/server-schema.ts";
import { figuresOf, unitVector } from "../../core/scoring/index.ts";
import { BACKUP_OF_ALL, NO_BACKUP } from "../../core/table/backend/backend-columns.ts";
import { breakerOf } from "../../core/table/backend/breaker-columns.ts";
import {
  CLOSED_GROUP,
  FROM_GROUP,
  type MigrationGroup,
  NO_GROUP,
  TO_GROUP,
  turnOf,
} from "../../core/table/backend/migration-split.ts";
import { openTables, type Tables } from "../../core/table/tables.ts";
import type { Figures } from "../../core/wire/report.ts";
import { NOW_MS, newOptions, newTables, tierOf } from "./fixtures.ts";
import {
  OPEN_PARTS,
  type OracleBackend,
  type OracleGpu,
  type OracleLease,
  type OraclePart,
  type OraclePlace,
  type OracleRequest,
  type OracleRules,
  type OracleTier,
  type OracleTrial,
  oracleEndpoint,
  oracleFilter,
  oracleFreeGpus,
  oracleLoad,
  oracleWidePick,
} from "./pick-oracle.ts";
import { Prng } from "./prng.ts";

const PAIRS = 300_000;
const PAIRS_PER_FLEET = 24;
const LEASE_TTL_MS = 120_000;
const GROUPS = 3;
const TRIAL_MS = 30_000;

const TIERS: readonly OracleTier[] = [
  { vcpu: 1, memoryGb: 1, storageGb: 5, gpus: 0, gpuMemoryGb: 0 },
  { vcpu: 2, memoryGb: 4, storageGb: 20, gpus: 0, gpuMemoryGb: 0 },
  { vcpu: 8, memoryGb: 16.1, storageGb: 40.3, gpus: 0, gpuMemoryGb: 0 },
  { vcpu: 0, memoryGb: 0, storageGb: 0, gpus: 0, gpuMemoryGb: 0 },
  { vcpu: 1, memoryGb: 2, storageGb: 1, gpus: 1, gpuMemoryGb: 16 },
  { vcpu: 2, memoryGb: 2, storageGb: 1, gpus: 2, gpuMemoryGb: 0 },
];

const RULES: readonly OracleRules[] = [
  rules({ distance: 1, cpu: 1, memory: 1, gpu: 1.5, latency: 1 }, true),
  rules({ distance: 0, cpu: 1, memory: 1, gpu: 1.5, latency: 1 }, true),
  rules({ distance: 0.01, cpu: 2, memory: 0.5, gpu: 3, latency: 0.25 }, false, 0.25),
  rules({ distance: 1, cpu: 0, memory: 0, gpu: 0, latency: 0 }, false, 0),
];

/** No request here tells a breaker anything: those that are open were opened by hand. */
const BREAKERS = {
  failures: 0,
  connectFailures: 0,
  failureRatio: 0,
  minRequests: 1,
  windowMs: 1000,
  openMs: 1000,
  maxOpenMs: 1000,
  trialSuccesses: 1,
  trialMs: TRIAL_MS,
  maxEjected: 1,
};

const GROUP_OF: Readonly<Record<OraclePart, MigrationGroup>> = {
  none: NO_GROUP,
  from: FROM_GROUP,
  to: TO_GROUP,
  closed: CLOSED_GROUP,
};

interface Outstanding {
  readonly pick: Pick;
  readonly backend: OracleBackend;
  readonly lease: OracleLease;
  /** The trial that it is; null for none. */
  readonly trial: OracleTrial | null;
}

function rules(weights: OracleRules["weights"], healthChecks: boolean, inFlightWeight = 1): OracleRules {
  const limits = { staleMs: 300_000, cpuThreshold: 80, gpuThreshold: 70, trialMs: TRIAL_MS };
  return { ...limits, healthChecks, inFlightWeight, weights };
}

function reportOf(backend: OracleBackend): Figures {
  return {
    client_id: `backend-${backend.row}`,
    cpu_cores: backend.cores.length,
    cpu_usage_avg: [...backend.cores],
    memory_total_gb: backend.memoryTotalGb,
    memory_used_gb: backend.memoryUsedGb,
    memory_avail_gb: backend.memoryAvailGb,
    disk_avail_gb: backend.diskAvailGb,
    gpus: backend.gpus.map(({ use, totalGb, usedGb }, device_id) => ({
      device_id,
      ...(use === null ? {} : { utilization_pct: use }),
      ...(totalGb === null ? {} : { memory_total_gb: totalGb }),
      ...(usedGb === null ? {} : { memory_used_gb: usedGb }),
    })),
  };
}

/** One world: tables that fleet after fleet is put into, so that rows are used again and again. */
class World {
  readonly #random: Prng;
  readonly #tables: Tables;
  readonly #pickers: readonly Picker[];
  #fleet: OracleBackend[] = [];
  #outstanding: Outstanding[] = [];
  #rules: OracleRules = RULES[0] ?? rules({ distance: 1, cpu: 1, memory: 1, gpu: 1, latency: 1 }, true);
  #picker: Picker;
  #nowMs = NOW_MS;
  /** What the backends of the present fleet are. */
  #parts: readonly OraclePart[] = ["none"];
  readonly seen = new Map<string, number>();

  constructor(random: Prng) {
    this.#random = random;
    this.#tables = openTables(newTables({ maxBackends: 256, tiers: TIERS.length, maxLeases: 4096 }));
    const tiers = TIERS.map((tier, index) => tierOf(`tier-${index}`, tier.vcpu, tier));
    this.#pickers = RULES.map(
      ({ staleMs, healthChecks, weights, inFlightWeight }) =>
        new Picker(
          this.#tables,
          newOptions(tiers, {
            staleMs,
            healthChecks,
            leaseTtlMs: LEASE_TTL_MS,
            distanceWeight: weights.distance,
            inFlightWeight,
            breakers: BREAKERS,
          }),
        ),
    );
    const [first] = this.#pickers;
    if (first === undefined) throw new Error("no rules");
    this.#picker = first;
  }

  /** Replaces the fleet; what the last one held must vanish with its rows. */
  newFleet(): void {
    const random = this.#random;
    for (const { row } of this.#fleet) this.#tables.backends.releaseRow(row);
    // Settled after the release: must change nothing for the rows' next owners.
    for (const { pick } of this.#outstanding) this.#picker.settle(pick, this.#nowMs);
    this.#outstanding = [];
    const which = random.int(0, RULES.length - 1);
    this.#rules = RULES[which] ?? this.#rules;
    this.#picker = this.#pickers[which] ?? this.#picker;
    const size = random.chance(0.02) ? random.int(40, 200) : random.int(0, 8);
    // Binary fractions make the scores of different backends exactly equal, often.
    const isCoarse = random.chance(0.5);
    this.#migrate();
    this.#fleet = [];
    for (let index = 0; index < size; index++) this.#addBackend(isCoarse);
  }

  /** Begins a migration in some of the fleets; in some of the others, groups are closed by earlier ones. */
  #migrate(): void {
    const random = this.#random;
    const { migration } = this.#tables;
    migration.end();
    this.#parts = random.chance(0.2) ? ["none", "none", "none", "closed"] : ["none"];
    if (random.chance(0.7)) return;
    this.#parts = ["from", "to", "from", "to", "from", "to", "none", "closed"];
    const share = random.pick([0, 1, random.unit(), random.unit()]);
    migration.begin({ salt: random.word(), movesSessions: random.chance(0.5), byClient: true }, share);
  }

  /** Who may take a request of a client; every query says who that is. */
  #partsOf(client: number): readonly OraclePart[] {
    const { migration } = this.#tables;
    if (!migration.isActive) return OPEN_PARTS;
    return ["none", turnOf(0, client, migration.salt) < migration.share ? "to" : "from"];
  }

  #addBackend(isCoarse: boolean): void {
    const claimed = this.#tables.backends.claimRow();
    if (claimed === null) throw new Error("the table is full");
    const twin = this.#random.chance(0.15) && this.#fleet.length > 0 ? this.#random.pick(this.#fleet) : null;
    const fresh = randomBackend(this.#random, claimed.row, {
      isCoarse,
      nowMs: this.#nowMs,
      fleet: this.#fleet,
      part: this.#random.pick(this.#parts),
    });
    const backend =
      twin === null
        ? fresh
        : { ...twin, row: claimed.row, tried: [], lastTrialMs: [0, 0], seenLoad: 0, inFlight: 0, leases: [] };
    this.#fleet.push(backend);
    this.#install(backend);
  }

  #install(backend: OracleBackend): void {
    const { backends } = this.#tables;
    const { row } = backend;
    backends.setPathGroup(row, backend.group);
    this.#tables.migration.setGroup(row, GROUP_OF[backend.part]);
    backends.setLocation(row, backend.place?.lat ?? null, backend.place?.lon ?? null);
    backends.setEnabled(row, backend.enabled);
    this.#report(backend);
    backends.setHealthy(row, backend.healthy);
    backends.setDownEndpoints(
      row,
      backend.down.reduce((bits, endpoint) => bits | (1 << endpoint), 0),
    );
    backends.setLimits(row, backend.maxInFlight, 0);
    const { weight, backupOf } = backend;
    const backupRow = backupOf === "all" ? BACKUP_OF_ALL : backupOf === "none" ? NO_BACKUP : backupOf;
    backends.setPreference(row, { weight, backupOf: backupRow });
    for (const [endpoint, untilMs] of backend.openUntilMs.entries()) {
      if (untilMs !== 0 && backends.ejectLocked(row, 1)) {
        backends.columns.breakers.openUntilMs[breakerOf(row, endpoint)] = untilMs;
      }
    }
    backends.setDraining(row, backend.draining);
  }

  #report(backend: OracleBackend): void {
    const weights: ServerConfig["score_weights"] = this.#rules.weights;
    const tiers = TIERS.map((tier, index) => tierOf(`tier-${index}`, tier.vcpu, tier));
    const thresholds = { cpuPct: this.#rules.cpuThreshold, gpuPct: this.#rules.gpuThreshold };
    const { latencyMs, reportedMs: reportedAtMs } = backend;
    this.#tables.backends.writeReport(
      backend.row,
      figuresOf({ report: reportOf(backend), reportedAtMs, tiers, weights, thresholds, latencyMs }),
    );
  }

  /** One backend reports again: half of what it did not show before is in its figures now. */
  #reportAgain(): void {
    if (this.#fleet.length === 0) return;
    const backend = this.#random.pick(this.#fleet);
    if (backend.reportedMs >= this.#nowMs) return;
    // Leases end when they are looked at.
    this.#picker.explain({ ...newPickQuery(), nowMs: this.#nowMs });
    const load = oracleLoad(backend, this.#nowMs);
    backend.seenLoad = backend.cores.length === 0 ? 0 : (backend.seenLoad + load) / 2;
    backend.reportedMs = this.#nowMs;
    this.#report(backend);
  }

  /** Makes a request and compares. */
  request(): void {
    const random = this.#random;
    // Half of the steps divide the life of a lease: expiries are met to the millisecond.
    if (random.chance(0.3)) this.#nowMs += random.chance(0.5) ? LEASE_TTL_MS / 4 : random.int(0, 60_000);
    if (random.chance(0.3)) this.#settleOne();
    if (random.chance(0.05)) this.#reportAgain();
    const tierIndex = random.int(0, TIERS.length - 1);
    const tier = random.pick(TIERS.slice(tierIndex, tierIndex + 1));
    const client = random.word();
    const request: OracleRequest = {
      tier,
      nowMs: this.#nowMs,
      place: this.#clientPlace(),
      endpoints: random.chance(0.3)
        ? Array.from({ length: GROUPS }, () => random.int(-2, 1)).map((e) => Math.max(-1, e))
        : null,
      excluded: random.chance(0.2) ? this.#fleet.filter(() => random.chance(0.3)).map(({ row }) => row) : [],
      parts: this.#partsOf(client),
    };
    const isRoute = random.chance(0.3);
    const query = { ...queryOf(request, tierIndex, isRoute), client: true, clientLo: client };
    const expected = oracleWidePick(this.#fleet, request, this.#rules);
    if (random.chance(0.05) || typeof expected === "string") this.#compareRefusals(query, request);
    const pick = new Pick();
    const status = this.#picker.pick(query, pick);
    const actual = status === "picked" ? pick.row : status;
    if (actual !== expected) this.#fail(actual, expected, request);
    this.#note(typeof expected === "number" ? "picked" : expected);
    if (typeof expected === "number") this.#take({ pick, row: expected, request, isRoute });
  }

  /** Repeats in plain objects what the pick took. */
  #take(taken: { pick: Pick; row: number; request: OracleRequest; isRoute: boolean }): void {
    const { pick, request, isRoute } = taken;
    const backend = this.#fleet.find(({ row }) => row === taken.row);
    if (backend === undefined) throw new Error(`no backend in row ${taken.row}`);
    const endpoint = oracleEndpoint(backend, this.#fleet, request);
    expect(pick.endpoint).toBe(endpoint);
    const isTrial = backend.openUntilMs[endpoint] !== 0;
    expect(pick.isTrial).toBe(isTrial);
    const sinceMs = Math.max(request.nowMs, (backend.lastTrialMs[endpoint] ?? 0) + 1);
    const trial = isTrial ? { endpoint, sinceMs } : null;
    if (trial !== null) {
      backend.lastTrialMs[endpoint] = sinceMs;
      backend.tried = [...backend.tried.filter((each) => each.endpoint !== endpoint), trial];
    }
    const gpus = oracleFreeGpus(backend, request, this.#rules).slice(0, request.tier.gpus);
    const lease = { tier: request.tier, gpus, expiresMs: isRoute ? request.nowMs + LEASE_TTL_MS : null };
    backend.leases.push(lease);
    backend.inFlight++;
    this.#outstanding.push({ pick, backend, lease, trial });
  }

  #settleOne(): void {
    const index = this.#random.int(0, Math.max(0, this.#outstanding.length - 1));
    const [done] = this.#outstanding.splice(index, 1);
    if (done === undefined) return;
    this.#picker.settle(done.pick, this.#nowMs);
    done.backend.inFlight--;
    done.backend.tried = done.backend.tried.filter((each) => each !== done.trial);
    if (done.lease.expiresMs === null) {
      done.backend.leases = done.backend.leases.filter((lease) => lease !== done.lease);
    }
  }

  #clientPlace(): OraclePlace | null {
    if (this.#random.chance(0.25)) return null;
    const places = this.#fleet.flatMap(({ place }) => (place === null ? [] : [place]));
    return places.length > 0 && this.#random.chance(0.2)
      ? this.#random.pick(places)
      : randomPlace(this.#random);
  }

  #compareRefusals(query: PickQuery, request: OracleRequest): void {
    const counts = this.#picker.refusals(query);
    const expected = new Map<FilterName | null, number>();
    const open = { ...request, parts: OPEN_PARTS };
    for (const backend of this.#fleet) {
      const name = oracleFilter(backend, this.#fleet, open, this.#rules);
      const filter = FILTER_NAMES.find((known) => known === name) ?? null;
      if (name !== null) this.#note(name);
      expected.set(filter, (expected.get(filter) ?? 0) + 1);
    }
    const total = this.#fleet.length;
    const named = Object.fromEntries(FILTER_NAMES.map((name) => [name, expected.get(name) ?? 0]));
    expect(counts).toMatchObject({ ...named, total });
  }

  #note(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }

  #fail(actual: unknown, expected: unknown, request: OracleRequest): never {
    const world = { actual, expected, request, rules: this.#rules, fleet: this.#fleet };
    throw new Error(`the pick differs from the rules: ${JSON.stringify(world, null, 1)}`);
  }
}

function queryOf(request: OracleRequest, tier: number, isRoute: boolean): PickQuery {
  const vector = unitVector(request.place?.lat, request.place?.lon);
  return {
    ...newPickQuery(tier),
    nowMs: request.nowMs,
    kind: isRoute ? "route" : "request",
    located: vector !== null,
    ...vector,
    endpointOfGroup: request.endpoints === null ? null : Int32Array.from(request.endpoints),
    excluded: request.excluded,
  };
}

function randomPlace(random: Prng): OraclePlace {
  if (random.chance(0.05)) return { lat: 0, lon: random.between(1, 170) };
  if (random.chance(0.05)) return { lat: random.between(1, 80), lon: 0 };
  return { lat: random.between(-85, 85), lon: random.between(-180, 180) };
}

function randomBackend(
  random: Prng,
  row: number,
  about: { isCoarse: boolean; nowMs: number; fleet: readonly OracleBackend[]; part: OraclePart },
): OracleBackend {
  const percent = (): number => (about.isCoarse ? random.int(0, 8) * 12.5 : random.between(0, 100));
  const coreCount = about.isCoarse ? random.pick([0, 1, 2, 4, 8]) : random.int(0, 16);
  const total = random.chance(0.05) ? 0 : about.isCoarse ? 2 ** random.int(2, 6) : random.between(2, 64);
  const used = (total * percent()) / 100;
  const near = about.fleet.flatMap(({ place }) => (place === null ? [] : [place]));
  const place = near.length > 0 && random.chance(0.3) ? random.pick(near) : randomPlace(random);
  return {
    row,
    enabled: !random.chance(0.06),
    draining: random.chance(0.06),
    healthy: !random.chance(0.1),
    reportedMs: about.nowMs - (random.chance(0.1) ? random.int(250_000, 700_000) : random.int(0, 60_000)),
    cores: Array.from({ length: coreCount }, percent),
    memoryTotalGb: total,
    memoryUsedGb: used,
    memoryAvailGb: Math.max(0, total - used),
    diskAvailGb: random.chance(0.1) ? random.between(0, 6) : random.between(5, 200),
    gpus: random.chance(0.5)
      ? []
      : Array.from({ length: random.int(1, 4) }, () => randomGpu(random, percent)),
    latencyMs: random.chance(0.3) ? null : about.isCoarse ? random.int(0, 16) / 4 : random.between(0, 40),
    place: random.chance(0.25) ? null : place,
    group: random.int(0, GROUPS - 1),
    part: about.part,
    down: random.chance(0.05) ? [random.int(0, 1)] : [],
    openUntilMs: [openUntil(random, about.nowMs), openUntil(random, about.nowMs)],
    tried: [],
    lastTrialMs: [0, 0],
    seenLoad: 0,
    weight: random.chance(0.05) ? 0 : random.pick([0.5, 1, 1, 3]),
    // Of an earlier one: in circles nobody would wait.
    backupOf: random.chance(0.07)
      ? "all"
      : random.chance(0.07) && about.fleet.length > 0
        ? random.pick(about.fleet).row
        : "none",
    maxInFlight: random.chance(0.1) ? random.int(1, 3) : 0,
    inFlight: 0,
    leases: [],
  };
}

/** Mostly closed; else open, or to be tried. */
function openUntil(random: Prng, nowMs: number): number {
  if (!random.chance(0.06)) return 0;
  return nowMs + random.int(-60_000, 200_000);
}

function randomGpu(random: Prng, percent: () => number): OracleGpu {
  const totalGb = random.pick([8, 16, 24, 80]);
  return {
    use: random.chance(0.1) ? null : percent(),
    totalGb: random.chance(0.05) ? null : totalGb,
    usedGb: random.chance(0.05) ? null : random.chance(0.5) ? 0 : random.between(0, totalGb),
  };
}

test(`${PAIRS} picks equal those of a literal implementation of the rules`, () => {
  const world = new World(new Prng(20_260_101));
  for (let pair = 0; pair < PAIRS; pair++) {
    if (pair % PAIRS_PER_FLEET === 0) world.newFleet();
    world.request();
  }
  // The cases are worth something only if every outcome and every filter was met often.
  for (const outcome of ["picked", "no_backend", "no_capacity", ...FILTER_NAMES]) {
    expect(world.seen.get(outcome) ?? 0).toBeGreaterThan(1000);
  }
}, 60_000);

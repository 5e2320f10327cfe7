/**
 * A fleet of backends as a queueing model in simulated time, driven by the real picker over real tables. Each backend
 * serves as many requests at one time as it has cores, the others wait in order; its agent reports how busy the cores
 * were since its last report.
 */
import type { PickerOptions } from "../../core/balancing/options.ts";
import { newPickQuery, Pick } from "../../core/balancing/pick.ts";
import { Picker } from "../../core/balancing/picker.ts";
import { figuresOf } from "../../core/scoring/index.ts";
import { NO_BACKUP } from "../../core/table/backend/backend-columns.ts";
import { hashStickyId } from "../../core/table/sticky-table.ts";
import { openTables, type Tables } from "../../core/table/tables.ts";
import { EventQueue } from "./event-queue.ts";
import { NOW_MS, newOptions, newTables, tierOf } from "./fixtures.ts";
import { Prng } from "./prng.ts";

export interface Host {
  readonly cores: number;
  /** Mean time that a request keeps a core busy. */
  readonly serviceMs: number;
  /** Time that each answer takes beyond that, whatever there is to do. */
  readonly stuckMs?: number;
  /** Percent of CPU that other work takes. */
  readonly otherCpuPct?: number;
  readonly memoryPct?: number;
  readonly weight?: number;
}

export interface Scenario {
  readonly name: string;
  readonly hosts: readonly Host[];
  readonly requestsPerSecond: number;
  readonly seconds: number;
  readonly reportSeconds: number;
  /** Requests of this long from the start are not counted: nothing is known yet. */
  readonly warmUpSeconds: number;
  /** How much of a service time is the same for each request; chance, exponential, makes the rest. */
  readonly steadiness: number;
  /** A request that was answered within that is a success. */
  readonly successMs: number;
  readonly clients: number;
}

export interface Outcome {
  /** From 0 to 1. */
  readonly success: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The largest share of the requests, as a multiple of the fair one. */
  readonly largestShare: number;
}

interface Running {
  readonly pick: Pick;
  readonly arrivedMs: number;
}

interface HostState {
  readonly host: Host;
  readonly row: number;
  busy: number;
  waiting: Running[];
  served: number;
  /** Core milliseconds of work begun since the last report. */
  workMs: number;
  reportedMs: number;
}

const WEIGHTS = { distance: 1, cpu: 1, memory: 1, gpu: 1.5, latency: 1 };
/** Small enough for leases never to be what spreads the requests. */
const TIERS = [tierOf("tiny", 0)];
const MEMORY_GB = 64;

/** Runs a scenario; the same for the same seed. */
export function simulate(scenario: Scenario, options: Partial<PickerOptions>, seed = 1): Outcome {
  return new Simulation(scenario, options, seed).run();
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #random: Prng;
  readonly #tables: Tables;
  readonly #picker: Picker;
  readonly #events = new EventQueue();
  readonly #hosts: HostState[];
  readonly #latencies: number[] = [];
  #nowMs = NOW_MS;

  constructor(scenario: Scenario, options: Partial<PickerOptions>, seed: number) {
    this.#scenario = scenario;
    this.#random = new Prng(seed);
    this.#tables = openTables(newTables({ maxBackends: scenario.hosts.length, maxLeases: 65_536 }));
    this.#picker = new Picker(this.#tables, newOptions(TIERS, options), seed);
    this.#hosts = scenario.hosts.map((host, index) => this.#add(host, index));
  }

  run(): Outcome {
    const { seconds, reportSeconds } = this.#scenario;
    const endMs = NOW_MS + seconds * 1000;
    for (const [index, state] of this.#hosts.entries()) {
      // Agents do not report in step.
      this.#report(state);
      const first = NOW_MS + (reportSeconds * 1000 * (index + 1)) / this.#hosts.length;
      this.#events.add(first, () => this.#reportOn(state));
    }
    this.#events.add(NOW_MS, () => this.#arrive());
    for (let next = this.#events.take(); next !== null && next.atMs < endMs; next = this.#events.take()) {
      this.#nowMs = next.atMs;
      next.run();
    }
    return this.#outcome();
  }

  #add(host: Host, index: number): HostState {
    const { backends } = this.#tables;
    const { row } = backends.claimRow(hashStickyId(`host-${index}`)) ?? { row: -1 };
    backends.setPreference(row, { weight: host.weight ?? 1, backupOf: NO_BACKUP });
    backends.setEnabled(row, true);
    return { host, row, busy: 0, waiting: [], served: 0, workMs: 0, reportedMs: NOW_MS };
  }

  #reportOn(state: HostState): void {
    this.#report(state);
    this.#events.add(this.#nowMs + this.#scenario.reportSeconds * 1000, () => this.#reportOn(state));
  }

  #report(state: HostState): void {
    const { host } = state;
    const elapsedMs = Math.max(1, this.#nowMs - state.reportedMs);
    const ownPct = (100 * state.workMs) / (elapsedMs * host.cores);
    const use = Math.min(100, (host.otherCpuPct ?? 0) + ownPct);
    const usedGb = ((host.memoryPct ?? 0) / 100) * MEMORY_GB;
    const report = {
      client_id: `host-${state.row}`,
      cpu_usage_avg: Array.from({ length: host.cores }, () => use),
      memory_total_gb: MEMORY_GB,
      memory_used_gb: usedGb,
      memory_avail_gb: MEMORY_GB - usedGb,
      disk_avail_gb: 100,
    };
    const thresholds = { cpuPct: 101, gpuPct: 80 };
    const made = { report, reportedAtMs: this.#nowMs, tiers: TIERS_FOR_SCORE, weights: WEIGHTS, thresholds };
    this.#tables.backends.writeReport(state.row, figuresOf({ ...made, latencyMs: null }));
    state.workMs = 0;
    state.reportedMs = this.#nowMs;
  }

  #arrive(): void {
    const query = { ...newPickQuery(), nowMs: this.#nowMs };
    const { hi, lo } = hashStickyId(`client-${this.#random.int(1, this.#scenario.clients)}`);
    const pick = new Pick();
    const status = this.#picker.pick({ ...query, hashHi: hi, hashLo: lo }, pick);
    const state = this.#hosts[pick.row];
    if (status !== "picked" || state === undefined)
      throw new Error(`no pick in a fleet with room: ${status}`);
    this.#admit(state, { pick, arrivedMs: this.#nowMs });
    const gapMs = (-Math.log(1 - this.#random.unit()) * 1000) / this.#scenario.requestsPerSecond;
    this.#events.add(this.#nowMs + gapMs, () => this.#arrive());
  }

  #admit(state: HostState, request: Running): void {
    if (this.#isCounted(request)) state.served++;
    if (state.busy < state.host.cores) this.#serve(state, request);
    else state.waiting.push(request);
  }

  #serve(state: HostState, request: Running): void {
    const { steadiness } = this.#scenario;
    const { serviceMs, stuckMs = 0 } = state.host;
    const chance = -Math.log(1 - this.#random.unit());
    const workMs = serviceMs * (steadiness + (1 - steadiness) * chance);
    state.busy++;
    state.workMs += workMs;
    this.#events.add(this.#nowMs + workMs, () => {
      state.busy--;
      const next = state.waiting.shift();
      if (next !== undefined) this.#serve(state, next);
    });
    this.#events.add(this.#nowMs + workMs + stuckMs, () => this.#answer(request));
  }

  #answer({ pick, arrivedMs }: Running): void {
    const tookMs = this.#nowMs - arrivedMs;
    this.#picker.latency(pick, tookMs, this.#nowMs);
    this.#picker.settle(pick, this.#nowMs);
    if (this.#isCounted({ pick, arrivedMs })) this.#latencies.push(tookMs);
  }

  #isCounted({ arrivedMs }: Running): boolean {
    return arrivedMs >= NOW_MS + this.#scenario.warmUpSeconds * 1000;
  }

  /** Requests that are still without an answer at the end count as long as they have waited. */
  #outcome(): Outcome {
    for (const { waiting } of this.#hosts) {
      for (const request of waiting) {
        if (this.#isCounted(request)) this.#latencies.push(this.#nowMs - request.arrivedMs);
      }
    }
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const at = (quantile: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))] ?? NaN;
    const served = this.#hosts.map((state) => state.served);
    const total = served.reduce((sum, count) => sum + count, 0);
    return {
      success: sorted.filter((ms) => ms <= this.#scenario.successMs).length / sorted.length,
      meanMs: sorted.reduce((sum, ms) => sum + ms, 0) / sorted.length,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      largestShare: (Math.max(...served) * served.length) / total,
    };
  }
}

/** Scores look at one core, although the tier takes none. */
const TIERS_FOR_SCORE = [tierOf("tiny", 1)];

/** One answer with every metric, made in steps so that a large fleet holds nothing else up. */
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import type { Tier } from "../../../core/plane/snapshot.ts";
import type { Tables } from "../../../core/table/tables.ts";
import type { BackendRegistry } from "../registry/registry.ts";
import type { Settings } from "../settings/settings.ts";
import { catalogue, namePrefix } from "./catalogue.ts";
import { Exposition, labelText } from "./exposition.ts";
import type { BackendSource, Metric, ServerSource } from "./metric.ts";
import { processFigures } from "./process-figures.ts";

/** Work at one time; then what else is due has its turn. */
const STEP_MS = 5;
/** How many backends are written before the clock is looked at. */
const BACKENDS_PER_LOOK = 32;

export interface ScrapeDeps {
  readonly config: ServerConfig;
  readonly tables: Tables;
  readonly tiers: readonly Tier[];
  readonly registry: BackendRegistry;
  /** Threads that serve requests now. */
  readonly workers: number;
  readonly settings: Pick<Settings, "version" | "latest">;
  readonly version: string;
  /** Milliseconds of the clock by which everything ages. */
  readonly now: () => number;
  /** What of it people are told. */
  readonly wallOf: (ms: number) => number;
  readonly maxOpenFiles: number;
}

/** Tells the state of the server as metrics. */
export class Scraper {
  readonly #deps: ScrapeDeps;
  readonly #metrics: readonly Metric[];
  /** By format: one that is being made, which all who ask meanwhile get. */
  readonly #running = new Map<boolean, Promise<string>>();

  constructor(deps: ScrapeDeps) {
    this.#deps = deps;
    this.#metrics = catalogue(deps.config);
  }

  text(openMetrics: boolean): Promise<string> {
    const running = this.#running.get(openMetrics);
    if (running !== undefined) return running;
    const made = this.#make(openMetrics).finally(() => this.#running.delete(openMetrics));
    this.#running.set(openMetrics, made);
    return made;
  }

  async #make(openMetrics: boolean): Promise<string> {
    const { config, registry, now } = this.#deps;
    const out = new Exposition({
      prefix: namePrefix(config),
      labels: config.metrics_labels,
      openMetrics,
    });
    const pace = new Pace();
    const states = registry.list(now());
    await pace.rest();
    const server = await this.#serverSource(states);
    const backends: BackendSource[] = [];
    for (const [index, state] of states.entries()) {
      const traffic = server.tables.traffic.read(state.row, state.generation);
      backends.push({ server, state, traffic, labels: labelText({ backend: state.clientId }) });
      if (index % BACKENDS_PER_LOOK === 0) await pace.rest();
    }
    for (const metric of this.#metrics) {
      out.family(metric);
      metric.server?.(server, out);
      if (metric.backend === undefined) continue;
      for (const [index, backend] of backends.entries()) {
        metric.backend(backend, out);
        if (index % BACKENDS_PER_LOOK === 0) await pace.rest();
      }
    }
    return out.text();
  }

  async #serverSource(states: ReturnType<BackendRegistry["list"]>): Promise<ServerSource> {
    const { config, tables, tiers, registry, settings, workers, version } = this.#deps;
    const { now, wallOf, maxOpenFiles } = this.#deps;
    const cores = states.reduce((sum, { report }) => sum + (report?.cpu_usage_avg.length ?? 0), 0);
    const nowMs = now();
    const { total, active } = registry.totals(nowMs);
    return {
      config,
      tables,
      tiers,
      version,
      workers,
      configVersion: settings.version,
      latestChange: settings.latest,
      nowMs,
      wallOf,
      total: tables.traffic.readTotal(),
      unserved: tables.traffic.readUnserved(),
      backends: total,
      activeBackends: active,
      isDegraded: registry.degraded !== null,
      process: await processFigures(maxOpenFiles),
      showsCores: cores <= config.metrics_cpu_cores,
    };
  }
}

/** Lets others have their turn when work has taken long. */
class Pace {
  #sinceMs = performance.now();

  async rest(): Promise<void> {
    if (performance.now() - this.#sinceMs < STEP_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#sinceMs = performance.now();
  }
}

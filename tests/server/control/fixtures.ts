/** A control plane without workers: the real registry, store and tables in a directory of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Picker } from "../../../core/balancing/picker.ts";
import { judgeServerConfig, loadServerConfig } from "../../../core/config/load.ts";
import { NO_CHANGES } from "../../../core/config/runtime/runtime-changes.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import type { LogData } from "../../../core/log/format.ts";
import type { SharedTables } from "../../../core/plane/messages.ts";
import { type Place, toTiers } from "../../../core/scoring/index.ts";
import { allocateTables, openTables, type Tables, tableSizes } from "../../../core/table/tables.ts";
import type { Report } from "../../../core/wire/report.ts";
import { EndpointPolicy } from "../../../server/control/admission/endpoint-policy.ts";
import { DnsBackends } from "../../../server/control/discovery/dns-backends.ts";
import { readKeys } from "../../../server/control/keys/key-files.ts";
import type { Logger } from "../../../server/control/logging/logger.ts";
import { type MigrationDeps, Migrations } from "../../../server/control/migration/migrations.ts";
import { Registry } from "../../../server/control/registry/registry.ts";
import type { BackendUpdate, Watcher } from "../../../server/control/registry/registry-types.ts";
import { Applier } from "../../../server/control/settings/applier.ts";
import { Audit } from "../../../server/control/settings/audit.ts";
import type { LoadConfig } from "../../../server/control/settings/candidate.ts";
import { Live } from "../../../server/control/settings/live.ts";
import { Settings } from "../../../server/control/settings/settings.ts";
import { Store } from "../../../server/control/store/store.ts";
import { type Lookup, makeLookup } from "../../../server/names/lookup.ts";

/** A directory that is removed with the test's `using`. */
export function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "opsen-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Why something failed; null when it did not. */
export async function failureOf(work: Promise<unknown>): Promise<string | null> {
  return work.then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

/** The defaults, with some keys set as a file would. */
export function configOf(overrides: Partial<ServerConfig> = {}): ServerConfig {
  const loaded = loadServerConfig({ flags: {}, env: {}, readFile: () => "" });
  if (!loaded.ok) throw new Error("the defaults are invalid");
  return { ...loaded.config, ...overrides };
}

/** Keeps what is logged. */
export class RecordedLog implements Logger {
  /** As `LEVEL message`. */
  readonly lines: string[] = [];
  /** As `LEVEL message {data}`. */
  readonly linesWithData: string[] = [];

  debug(message: string, data?: LogData): void {
    this.#keep("DEBUG", message, data);
  }

  info(message: string, data?: LogData): void {
    this.#keep("INFO", message, data);
  }

  warn(message: string, data?: LogData): void {
    this.#keep("WARN", message, data);
  }

  error(message: string, data?: LogData): void {
    this.#keep("ERROR", message, data);
  }

  #keep(level: string, message: string, data: LogData = {}): void {
    this.lines.push(`${level} ${message}`);
    this.linesWithData.push(`${level} ${message} ${JSON.stringify(data)}`);
  }
}

export interface World extends Disposable {
  readonly config: ServerConfig;
  readonly live: Live;
  readonly registry: Registry;
  readonly migrations: Migrations;
  readonly shared: SharedTables;
  readonly settings: Settings;
  readonly applier: Applier;
  readonly dns: DnsBackends;
  readonly audit: Audit;
  readonly tables: Tables;
  readonly picker: Picker;
  readonly store: Store;
  readonly log: RecordedLog;
  /** Every change for the workers, in order. */
  readonly published: BackendUpdate[];
  nowMs: number;
  /** Timers of migrations that run. */
  timers: number;
}

export interface WorldOptions {
  /** Instead of small tables and `config` over the defaults. */
  readonly wholeConfig?: ServerConfig;
  readonly config?: Partial<ServerConfig>;
  readonly database?: string;
  readonly prober?: Watcher;
  /** Called while workers are told of a change. */
  readonly whilePublished?: (update: BackendUpdate) => Promise<void>;
  readonly locate?: (address: string) => Place | null;
  /** Called when the configuration has changed. */
  readonly onChange?: (config: ServerConfig) => void;
  /** Addresses of names of backends. */
  readonly lookup?: Lookup;
}

/** 2026-01-01T00:00:00Z. */
export const START_MS = 1_767_225_600_000;

/** Builds a control plane; `database` defaults to one in memory. */
export function newWorld(options: WorldOptions = {}): World {
  const config =
    options.wholeConfig ??
    configOf({ max_backends: 8, max_sticky_entries: 64, max_leases: 64, ...options.config });
  const { tiers } = toTiers(config);
  let seed = 1;
  const shared = allocateTables(tableSizes(config, tiers.length, 2), () => seed++);
  const tables = openTables(shared);
  const live = new Live(tables, { config, ...toTiers(config), keys: [], workers: 1 });
  const log = new RecordedLog();
  const store = new Store(options.database ?? ":memory:", log);
  const published: BackendUpdate[] = [];
  const world = { nowMs: START_MS, timers: 0 };
  const migrations: Migrations = migrationsOf(world, { live, store, log }, () => registry.tagged());
  const registry: Registry = new Registry({
    get config() {
      return live.config;
    },
    get tiers() {
      return live.tiers;
    },
    get picker() {
      return live.picker;
    },
    tables,
    policy: new EndpointPolicy({
      allowed: config.allowed_endpoint_cidrs,
      denied: config.denied_endpoint_cidrs,
      resolve: async (host) => (await makeLookup([])(host)).addresses,
    }),
    store,
    prober: options.prober ?? null,
    publish: async (update) => {
      published.push(update);
      await options.whilePublished?.(update);
    },
    groupOf: (tags) => migrations.groupOf(tags),
    log,
    now: () => world.nowMs,
    wallOf: (ms) => ms,
    ...(options.locate && { locate: options.locate }),
  });
  const audit = new Audit(store);
  const parts = settingsOf({ live, registry, store, audit, log }, options);
  return Object.assign(world, {
    config,
    live,
    registry,
    migrations,
    shared,
    ...parts,
    audit,
    tables,
    picker: live.picker,
    store,
    log,
    published,
    [Symbol.dispose]: () => {
      parts.dns.stop();
      store.close();
    },
  });
}

/** Settings that start from the configuration of `live`, as those of a server without a file. */
function settingsOf(
  parts: Pick<World, "live" | "registry" | "store" | "audit" | "log">,
  { lookup = makeLookup([]), onChange = () => {} }: WorldOptions,
): Pick<World, "settings" | "applier" | "dns"> {
  const { live, registry, store, audit, log } = parts;
  const base = live.config;
  const dns = new DnsBackends({ lookup, onChange: () => void applier.refreshBackends(), log });
  const applier: Applier = new Applier(
    {
      live,
      registry,
      dns,
      readKeys,
      workersOf: ({ workers }) => (workers === "auto" ? 1 : workers),
      onChange: () => onChange(live.config),
      tellWorkers: async () => {},
    },
    NO_CHANGES,
  );
  const load: LoadConfig = (runtime) => judgeServerConfig(base, runtime, () => []);
  const settings = new Settings({ live, load, applier, store, audit, log, wallNow: () => START_MS });
  return { settings, applier, dns };
}

/** Migrations whose time passes when a test says so. */
function migrationsOf(
  world: Pick<World, "nowMs" | "timers">,
  { live, store, log }: Pick<World, "live" | "store" | "log">,
  backends: MigrationDeps["backends"],
): Migrations {
  return new Migrations({
    tables: live.tables,
    picker: live.picker,
    store,
    backends,
    log,
    now: () => world.nowMs,
    wallOf: (ms) => ms,
    every: () => {
      world.timers++;
      return () => {
        world.timers--;
      };
    },
  });
}

/** A report of an idle machine with room for every tier without GPUs. */
export function idleReport(clientId: string, overrides: Partial<Report> = {}): Report {
  return {
    client_id: clientId,
    cpu_cores: 8,
    cpu_usage_avg: [1, 2, 3, 4, 5, 6, 7, 8],
    memory_total_gb: 64,
    memory_used_gb: 8,
    memory_avail_gb: 56,
    disk_total_gb: 500,
    disk_used_gb: 100,
    disk_avail_gb: 400,
    ...overrides,
  };
}

/** The token of a registration that must have been accepted. */
export async function registerOk(
  world: World,
  clientId: string,
  url: string,
  token: string | null = null,
): Promise<string> {
  const outcome = await world.registry.register(
    { client_id: clientId, endpoint_url: url },
    "10.0.0.9",
    token,
  );
  if (outcome.kind !== "registered") throw new Error(`refused: ${JSON.stringify(outcome)}`);
  return outcome.token;
}

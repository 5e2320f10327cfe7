/** Puts the server together: control plane on this thread, data plane on workers. */
import { judgeServerConfig } from "../../core/config/load.ts";
import type { RuntimeChanges } from "../../core/config/runtime/runtime-changes.ts";
import { NO_CHANGES } from "../../core/config/runtime/runtime-changes.ts";
import type { ServerConfig } from "../../core/config/schema/server-schema.ts";
import { messageOf } from "../../core/log/message-of.ts";
import type { ApiKey } from "../../core/plane/api-key.ts";
import { makeLookup } from "../names/lookup.ts";
import { startClock } from "./clock.ts";
import type { Console } from "./console/console.ts";
import { DnsBackends } from "./discovery/dns-backends.ts";
import { type Ground, layGround, usedPorts, workersOf } from "./ground.ts";
import type { Prober } from "./health/prober.ts";
import { readKeys } from "./keys/key-files.ts";
import type { Log } from "./logging/logger.ts";
import { MemoryTrim } from "./memory/memory-trim.ts";
import type { Migrations } from "./migration/migrations.ts";
import { liveSettings, makeMigrations, makeProber, makeRegistry, watchFiles } from "./parts.ts";
import type { Registry } from "./registry/registry.ts";
import { Sweep } from "./registry/sweep.ts";
import { type Later, serve } from "./serving.ts";
import { Applier, type ApplierDeps } from "./settings/applier.ts";
import { Audit } from "./settings/audit.ts";
import { type LoadConfig, loadWith } from "./settings/candidate.ts";
import { ConfigWatch } from "./settings/config-watch.ts";
import { fittingChanges } from "./settings/fitting.ts";
import type { Live } from "./settings/live.ts";
import { Settings } from "./settings/settings.ts";
import { loadChanges } from "./settings/stored-changes.ts";
import { announce } from "./startup/announce.ts";
import { openGeoip } from "./startup/geoip.ts";
import { claim, openStore } from "./startup/open-store.ts";
import { StartError } from "./startup/start-error.ts";
import { fileFaults } from "./startup/startup-files.ts";
import type { Store } from "./store/store.ts";
import type { Exporter } from "./tracing/exporter.ts";
import type { Ports, Supervisor } from "./workers/supervisor.ts";

/** A collector of traces that does not take the last spans holds the end up for so long. */
const LAST_SPANS_MS = 2000;

/** A server that takes requests. */
export interface RunningServer extends Ports {
  /** Reads the configuration again; what is wrong with it is in the log. */
  reload(actor: string): Promise<unknown>;
  /** Closes the listeners, lets requests finish, writes what is to be kept. Later calls wait for the first. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly version: string;
  /** Path of the configuration file, which is watched; null without one. */
  readonly source: string | null;
  /** Reads the configuration again; absent where it comes from no file. */
  readonly load?: LoadConfig;
  readonly log: Log;
}

/** What does not change after the start. */
interface Beginning {
  readonly ground: Ground;
  readonly store: Store;
  readonly load: LoadConfig;
  /** Made at run time, before this start. */
  readonly changes: RuntimeChanges;
}

/** Starts a server; throws a StartError that says why it cannot. */
export async function startServer(config: ServerConfig, options: StartOptions): Promise<RunningServer> {
  // Undoes what was started, in reverse, when a later part cannot start; and at the end of a good life.
  const cleanup = new DisposableStack();
  try {
    return await start(begin(config, options, cleanup), options, cleanup);
  } catch (error) {
    cleanup.dispose();
    throw error;
  }
}

/** Opens the database, whose changes of earlier runs are part of the configuration, and lays the ground. */
function begin(config: ServerConfig, options: StartOptions, cleanup: DisposableStack): Beginning {
  const { log, load = (runtime) => judgeServerConfig(config, runtime, fileFaults) } = options;
  const clock = startClock();
  cleanup.use(claim(config.database));
  const store = openStore(config, log.component("store"), clock.wallOf);
  cleanup.defer(() => store.close());
  const stored = loadChanges(store, log.component("settings"));
  const { changes, misfits } = fittingChanges(load, stored);
  for (const { what, reason } of misfits) {
    const settings = log.component("settings");
    settings.error("a change that was made at run time does not fit any more and is left out", {
      what,
      reason,
    });
  }
  const loaded = changes === NO_CHANGES ? null : loadWith(load, changes);
  const ground = layGround(loaded?.ok === true ? loaded.config : config, clock, log);
  log.setLevel(ground.config.log_level);
  return { ground, store, load, changes };
}

async function start(
  { ground, store, load, changes }: Beginning,
  options: StartOptions,
  cleanup: DisposableStack,
): Promise<RunningServer> {
  const { config, live, log, policy } = ground;
  const locate = ground.geoip === null ? null : await openGeoip(ground.geoip, config.geoip_db_path);

  // Nothing can be registered before there are workers to tell: requests arrive through them.
  const workers: Later = { supervisor: null, monitor: null, sweep: null };
  const prober: Prober = makeProber(ground, (report) => registry.onProbe(report));
  cleanup.defer(() => prober.stop());
  const migrations: Migrations = takeUpMigrations(ground, store, cleanup, () => registry.tagged());
  const registry: Registry = makeRegistry(ground, {
    store,
    groupOf: (tags) => migrations.groupOf(tags),
    prober,
    locate,
    publish: async (update) => workers.supervisor?.publish(update),
  });
  const { applier, restored } = await fill(ground, registry, changes, cleanup, {
    onChange: () => {
      log.setLevel(live.config.log_level);
      prober.adapt();
      workers.sweep?.adapt();
    },
    tellWorkers: () => tellWorkers(live, workers),
  });
  const audit = new Audit(store);
  const parts = { live, load, applier, store, audit, log: log.component("settings"), wallNow: Date.now };
  const settings = new Settings(parts, changes);

  const { supervisor, monitor, exporter, ports, console } = await serve(
    ground,
    { ...options, registry, migrations, settings, audit, store, locate, workers },
    cleanup,
  );
  policy.setOwnPorts(usedPorts(config, ports));
  workers.sweep = tidyUp(ground, registry, store, cleanup);
  const setKeys = (keys: readonly ApiKey[]): void => {
    supervisor.setKeys(keys);
    monitor?.setKeys(keys);
  };
  watchFiles(ground, supervisor, setKeys, cleanup);
  const reload = (actor: string): Promise<unknown> => settings.readAgain(actor);
  if (options.source !== null && config.watch_config) {
    cleanup.adopt(watchConfig(options.source, reload, log), (watch) => watch.stop());
  }
  announce(log.component("server"), config, ports, {
    keys: live.keys,
    version: options.version,
    source: options.source,
    workers: live.workers,
    ...restored,
  });
  return { ...ports, reload, stop: stopOnce(ground, supervisor, { exporter, console }, cleanup) };
}

async function tellWorkers(live: Live, { monitor, supervisor }: Later): Promise<void> {
  monitor?.setKeys(live.keys);
  await supervisor?.setSettings(liveSettings(live));
}

/** Takes up the migrations of the last run: before the backends, which are given their part in them. */
function takeUpMigrations(
  ground: Ground,
  store: Store,
  cleanup: DisposableStack,
  backends: () => ReturnType<Registry["tagged"]>,
): Migrations {
  const migrations = makeMigrations(ground, store, backends);
  cleanup.defer(() => migrations.stop());
  takeUp(ground.config.database, () => migrations.restore());
  return migrations;
}

/** Forgets, from time to time, what is of no use any more, and gives memory back. */
function tidyUp(
  { live, clock, log }: Ground,
  registry: Registry,
  store: Store,
  cleanup: DisposableStack,
): Sweep {
  const sweep = new Sweep({ live, registry, store, log: log.component("sweep"), now: clock.now });
  cleanup.defer(() => sweep.stop());
  cleanup.adopt(new MemoryTrim(() => live.tables.counters.sum("requests")), (trim) => trim.stop());
  return sweep;
}

/** Takes up the backends of the last run, and puts those of the configuration beside them. */
async function fill(
  ground: Ground,
  registry: Registry,
  changes: RuntimeChanges,
  cleanup: DisposableStack,
  told: Pick<ApplierDeps, "onChange" | "tellWorkers">,
): Promise<{
  readonly applier: Applier;
  readonly restored: { readonly backends: number; readonly stickySessions: number };
}> {
  const { config, live, log } = ground;
  takeUp(config.database, () => registry.restore());
  const dns = new DnsBackends({
    lookup: makeLookup(config.dns_servers),
    onChange: () => void refresh(),
    log: log.component("dns"),
  });
  cleanup.defer(() => dns.stop());
  const applier = new Applier({ live, registry, dns, readKeys, workersOf, ...told }, changes);
  const refresh = async (): Promise<void> => {
    const errors = await applier.refreshBackends();
    for (const { field, rule } of errors) log.component("dns").error(`${field} ${rule}`);
  };
  const [error] = await applier.refreshBackends();
  if (error !== undefined) throw new StartError(`${error.field} ${error.rule}, got ${String(error.got)}`);
  const stickySessions = takeUp(config.database, () => registry.restoreSticky());
  return { applier, restored: { backends: registry.size, stickySessions } };
}

function watchConfig(file: string, reload: (actor: string) => Promise<unknown>, log: Log): ConfigWatch {
  return new ConfigWatch(file, {
    onChange: () => void reload("file"),
    onEmpty: () =>
      log.component("settings").warn("the configuration file is empty: the old one counts until it is not", {
        file,
      }),
  });
}

function stopOnce(
  ground: Ground,
  supervisor: Supervisor,
  { exporter, console }: { readonly exporter: Exporter | null; readonly console: Pick<Console, "stop"> },
  cleanup: DisposableStack,
): () => Promise<void> {
  const log = ground.log.component("server");
  let stopping: Promise<void> | null = null;
  const stop = async (): Promise<void> => {
    const seconds = ground.live.config.shutdown_timeout_seconds;
    log.info("shutting down: requests in flight may finish", { within_seconds: seconds });
    // Those who look on are not waited for.
    console.stop();
    const cut = await supervisor.drain(seconds * 1000);
    await exporter?.stop(LAST_SPANS_MS);
    cleanup.dispose();
    log.info("stopped", { cut });
  };
  return () => {
    stopping ??= stop();
    return stopping;
  };
}

function takeUp(path: string, work: () => number): number {
  try {
    return work();
  } catch (error) {
    throw new StartError(`cannot read the database ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Opens what others reach: the management API, monitoring, and the workers with their listeners. */
import { randomBytes } from "node:crypto";
import { messageOf } from "../../core/log/message-of.ts";
import { type ApiDeps, createApi } from "./api/index.ts";
import { composeConsole } from "./console/compose.ts";
import type { Console } from "./console/console.ts";
import type { Ground } from "./ground.ts";
import { type RunningMonitor, startMonitor } from "./metrics/monitor.ts";
import { makeSupervisor } from "./parts.ts";
import type { Registry } from "./registry/registry.ts";
import type { Sweep } from "./registry/sweep.ts";
import { type ControlServer, serveControl } from "./socket/control-server.ts";
import type { Locate } from "./startup/geoip.ts";
import { openFilesLimit } from "./startup/open-files.ts";
import { StartError } from "./startup/start-error.ts";
import type { Store } from "./store/store.ts";
import type { Exporter } from "./tracing/exporter.ts";
import { makeExporter } from "./tracing/make-exporter.ts";
import type { Ports, Supervisor } from "./workers/supervisor.ts";

/** What is made last, and told of changes from then on. */
export interface Later {
  supervisor: Supervisor | null;
  monitor: RunningMonitor | null;
  sweep: Sweep | null;
}

/** What is open. */
export interface Served {
  readonly supervisor: Supervisor;
  readonly monitor: RunningMonitor | null;
  readonly exporter: Exporter | null;
  readonly ports: Ports;
  readonly console: Console;
}

/** What was made before. */
interface ServedParts extends Pick<ApiDeps, "migrations" | "settings" | "audit" | "source" | "version"> {
  readonly registry: Registry;
  readonly store: Store;
  readonly locate: Locate | null;
  readonly workers: Later;
}

/** Opens the management API, and the listeners. */
export async function serve(ground: Ground, parts: ServedParts, cleanup: DisposableStack): Promise<Served> {
  const { config, live, log } = ground;
  const { registry, version, store } = parts;
  const monitor = monitorOf(ground, parts, cleanup);
  const secret = randomBytes(32).toString("hex");
  const deps = apiDeps(ground, parts, { secret, monitor });
  const { console, control } = openControl(ground, deps, parts.workers, cleanup);
  const exporter = makeExporter(config, version, live.tables, log.component("traces"));
  const onDecisions = console.decided.bind(console);
  const link = { socket: control.socket, secret, version, onDecisions };
  const supervisor = makeSupervisor(ground, registry, { store, exporter }, link);
  cleanup.defer(() => supervisor.terminate());
  parts.workers.supervisor = supervisor;
  parts.workers.monitor = monitor;
  const ports = await supervisor.start().catch((error: unknown) => {
    throw new StartError(`cannot listen on ${config.host}:${config.port}: ${messageOf(error)}`, {
      cause: error,
    });
  });
  return { supervisor, monitor, exporter, ports, console };
}

/** Serves the API and the console to the workers. */
function openControl(
  { config, live, log }: Ground,
  deps: ApiDeps,
  workers: Later,
  cleanup: DisposableStack,
): { readonly console: Console; readonly control: ControlServer } {
  const { console, handlers } = composeConsole(log, deps, {
    api: createApi(deps).fetch,
    keys: () => live.keys,
    sample: (perSecond) => workers.supervisor?.sampleDecisions(perSecond),
  });
  cleanup.defer(() => console.stop());
  const control = serveControl(handlers, config.max_request_body_bytes);
  cleanup.defer(() => control.stop());
  return { console, control };
}

/** What the API is made of; what may change is read when it is needed. */
function apiDeps(
  { live, clock, log }: Ground,
  parts: ServedParts,
  { secret, monitor }: { readonly secret: string; readonly monitor: RunningMonitor | null },
): ApiDeps {
  const { registry, migrations, settings, audit, source, version, locate } = parts;
  return {
    get config() {
      return live.config;
    },
    get tiers() {
      return live.tiers;
    },
    get defaultTier() {
      return live.defaultTier;
    },
    get picker() {
      return live.picker;
    },
    tables: live.tables,
    caches: cachesOf(parts.workers),
    registry,
    migrations,
    settings,
    audit,
    source,
    secret,
    version,
    now: clock.now,
    wallOf: clock.wallOf,
    log: log.component("api"),
    ...(locate === null ? {} : { locate }),
    ...(monitor === null ? {} : { monitor }),
  };
}

function cachesOf(workers: Later): ApiDeps["caches"] {
  return {
    purge: async (purge) => (await workers.supervisor?.purgeCaches(purge)) ?? 0,
    report: async (most) => (await workers.supervisor?.cacheReports(most)) ?? [],
  };
}

function monitorOf(
  { live, clock }: Ground,
  { registry, settings, version }: Pick<ApiDeps, "registry" | "settings" | "version">,
  cleanup: DisposableStack,
): RunningMonitor | null {
  return startMonitor({
    get config() {
      return live.config;
    },
    get tiers() {
      return live.tiers;
    },
    get workers() {
      return live.workers;
    },
    tables: live.tables,
    registry,
    settings,
    version,
    now: clock.now,
    wallOf: clock.wallOf,
    maxOpenFiles: openFilesLimit(),
    keys: live.keys,
    cleanup,
  });
}

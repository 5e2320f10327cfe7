/** Puts the server together: control plane on this thread, data plane on workers. */
import { randomBytes, randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { pickerOptions } from "../../core/balancing/options.ts";
import { Picker } from "../../core/balancing/picker.ts";
import type { ServerConfig } from "../../core/config/server-schema.ts";
import type { ApiKey } from "../../core/plane/api-key.ts";
import type { BackendTls, CertificateSet, SharedTables } from "../../core/plane/messages.ts";
import type { Tier } from "../../core/plane/snapshot.ts";
import { toTiers } from "../../core/scoring/index.ts";
import { allocateTables, openTables, type Tables, tableSizes } from "../../core/table/tables.ts";
import { tlsFor } from "../../core/tls/backend-tls.ts";
import type { Decision } from "../../core/wire/console.ts";
import { makeLookup } from "../names/lookup.ts";
import { NameResolver } from "../names/name-resolver.ts";
import { EndpointPolicy } from "./admission/endpoint-policy.ts";
import { createApi } from "./api/index.ts";
import { type Clock, startClock } from "./clock.ts";
import { composeConsole } from "./console/compose.ts";
import type { Console } from "./console/console.ts";
import { FileWatch } from "./files/file-watch.ts";
import { probe } from "./health/probe.ts";
import { type ProbeReport, Prober } from "./health/prober.ts";
import { keyFiles, readKeys } from "./keys/key-files.ts";
import type { Log } from "./logging/logger.ts";
import { MemoryTrim } from "./memory/memory-trim.ts";
import { Registry } from "./registry/registry.ts";
import type { BackendUpdate } from "./registry/registry-types.ts";
import { Sweep } from "./registry/sweep.ts";
import { serveControl } from "./socket/control-server.ts";
import { announce } from "./startup/announce.ts";
import { type Locate, openGeoip } from "./startup/geoip.ts";
import { clientConnectionsFor, openFilesLimit } from "./startup/open-files.ts";
import { claim, openStore } from "./startup/open-store.ts";
import { assertPortIsFree } from "./startup/port-check.ts";
import { StartError } from "./startup/start-error.ts";
import { loadBackendTls, loadCertificates, loadGeoip, loadKeys } from "./startup/startup-files.ts";
import type { Store } from "./store/store.ts";
import { CertificateWatch } from "./tls/certificate-watch.ts";
import { type Ports, Supervisor } from "./workers/supervisor.ts";

/** A server that takes requests. */
export interface RunningServer extends Ports {
  /** Closes the listeners, lets requests finish, writes what is to be kept. Later calls wait for the first. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly version: string;
  /** Path of the configuration file, for the log; null without one. */
  readonly source: string | null;
  readonly log: Log;
}

/** What a configuration comes to before anything runs. */
interface Ground {
  readonly config: ServerConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly workers: number;
  readonly tiers: readonly Tier[];
  readonly defaultTier: number;
  readonly shared: SharedTables;
  readonly tables: Tables;
  readonly picker: Picker;
  readonly policy: EndpointPolicy;
  readonly keys: readonly ApiKey[];
  readonly certificates: CertificateSet | null;
  readonly backendTls: BackendTls;
  readonly geoip: SharedArrayBuffer | null;
}

/** Starts a server; throws a StartError that says why it cannot. */
export async function startServer(config: ServerConfig, options: StartOptions): Promise<RunningServer> {
  // Undoes what was started, in reverse, when a later part cannot start; and at the end of a good life.
  const cleanup = new DisposableStack();
  try {
    return await start(layGround(config, options.log), options, cleanup);
  } catch (error) {
    cleanup.dispose();
    throw error;
  }
}

function layGround(config: ServerConfig, log: Log): Ground {
  const keys = loadKeys(config);
  const certificates = loadCertificates(config);
  const backendTls = loadBackendTls(config);
  const geoip = loadGeoip(config);
  assertPortIsFree(config.host, config.port, "port");
  assertPortIsFree(config.admin_host, config.admin_port, "admin_port");
  const workers = config.workers === "auto" ? availableParallelism() : config.workers;
  const { tiers, defaultTier } = toTiers(config);
  const shared = allocateTables(tableSizes(config, tiers.length, workers), () => randomInt(2 ** 32));
  const tables = openTables(shared);
  const picker = new Picker(tables, pickerOptions(config, tiers));
  const lookup = makeLookup(config.dns_servers);
  const policy = new EndpointPolicy({
    allowed: config.allowed_endpoint_cidrs,
    denied: config.denied_endpoint_cidrs,
    resolve: async (host) => (await lookup(host)).addresses,
  });
  policy.setOwnPorts(usedPorts({ port: config.port, adminPort: config.admin_port }));
  const planes = { workers, tiers, defaultTier, shared, tables, picker, policy };
  return { config, clock: startClock(), log, ...planes, keys, certificates, backendTls, geoip };
}

async function start(
  ground: Ground,
  options: StartOptions,
  cleanup: DisposableStack,
): Promise<RunningServer> {
  const { config, clock, log, tiers, tables, picker, policy } = ground;
  const { version } = options;
  const locate = ground.geoip === null ? null : await openGeoip(ground.geoip, config.geoip_db_path);
  cleanup.use(claim(config.database));
  const store = openStore(config, log.component("store"), clock.wallOf);
  cleanup.defer(() => store.close());

  // Nothing can be registered before there are workers to tell: requests arrive through them.
  const workers: { supervisor: Supervisor | null } = { supervisor: null };
  const registry = makeRegistry({ ...ground, locate }, store, cleanup, async (update) =>
    workers.supervisor?.publish(update),
  );
  const restored = takeUp(registry, config.database);

  const secret = randomBytes(32).toString("hex");
  const api = createApi({
    registry,
    picker,
    tables,
    tiers,
    config,
    secret,
    version,
    now: clock.now,
    wallOf: clock.wallOf,
    log: log.component("api"),
    ...(locate === null ? {} : { locate }),
  });
  const keys = { now: ground.keys };
  const { console, handlers } = composeConsole(log, {
    ...{ config, version, registry, tables, secret, api: api.fetch, now: clock.now, wallOf: clock.wallOf },
    keys: () => keys.now,
    sample: (perSecond) => workers.supervisor?.sampleDecisions(perSecond),
  });
  cleanup.defer(() => console.stop());
  const control = serveControl(handlers, config.max_request_body_bytes);
  cleanup.defer(() => control.stop());

  const onDecisions = console.decided.bind(console);
  const link = { socket: control.socket, secret, version, onDecisions };
  const supervisor = makeSupervisor(ground, registry, link);
  cleanup.defer(() => supervisor.terminate());
  workers.supervisor = supervisor;
  const ports = await supervisor.start().catch((error: unknown) => {
    throw new StartError(`cannot listen on ${config.host}:${config.port}: ${messageOf(error)}`, {
      cause: error,
    });
  });
  policy.setOwnPorts(usedPorts(ports));
  const sweep = new Sweep({ config, registry, store, log: log.component("sweep"), now: clock.now });
  cleanup.defer(() => sweep.stop());
  cleanup.adopt(new MemoryTrim(() => tables.counters.sum("requests")), (trim) => trim.stop());

  watchFiles(ground, supervisor, keys, cleanup);
  announce(log.component("server"), config, ports, {
    keys: ground.keys,
    version,
    source: options.source,
    workers: ground.workers,
    backends: restored.backends,
    stickySessions: restored.sticky,
  });
  return { ...ports, stop: stopOnce(ground, supervisor, console, cleanup) };
}

function makeRegistry(
  {
    config,
    clock,
    log,
    tiers,
    tables,
    picker,
    policy,
    backendTls,
    locate,
  }: Ground & { readonly locate: Locate | null },
  store: Store,
  cleanup: DisposableStack,
  publish: (update: BackendUpdate) => Promise<void>,
): Registry {
  const prober = config.health_check_enabled
    ? makeProber(config, policy, backendTls, (report) => registry.onProbe(report))
    : null;
  cleanup.defer(() => prober?.stop());
  const registry = new Registry({
    config,
    tiers,
    tables,
    picker,
    policy,
    store,
    prober,
    publish,
    log: log.component("registry"),
    now: clock.now,
    wallOf: clock.wallOf,
    ...(locate === null ? {} : { locate }),
  });
  return registry;
}

function makeProber(
  config: ServerConfig,
  policy: EndpointPolicy,
  backendTls: BackendTls,
  onProbe: (report: ProbeReport) => void,
): Prober {
  const names = new NameResolver({
    lookup: makeLookup(config.dns_servers),
    now: () => performance.now(),
    // The workers say so.
    onStale: () => {},
  });
  return new Prober({
    intervalMs: config.health_check_interval_seconds * 1000,
    thresholds: {
      healthy: config.health_check_healthy_threshold,
      unhealthy: config.health_check_unhealthy_threshold,
    },
    probe: (origin, loopbackAllowed) =>
      probe(origin, {
        type: config.health_check_type,
        timeoutMs: config.health_check_timeout_seconds * 1000,
        path: config.health_check_path,
        tls: tlsFor(origin.host, backendTls),
        names,
        refusal: (address, port) => policy.check(address, port, loopbackAllowed),
      }),
    onProbe,
    random: Math.random,
  });
}

function makeSupervisor(
  ground: Ground,
  registry: Registry,
  control: {
    readonly socket: string;
    readonly secret: string;
    readonly version: string;
    readonly onDecisions: (made: readonly Decision[]) => void;
  },
): Supervisor {
  const { config, log, workers, tiers, defaultTier, shared, tables, geoip } = ground;
  return new Supervisor({
    base: {
      workers,
      config,
      tiers,
      defaultTier,
      tables: shared,
      controlSocket: control.socket,
      controlSecret: control.secret,
      viaName: `opsen-${randomBytes(8).toString("hex")}`,
      keys: ground.keys,
      certificates: ground.certificates,
      backendTls: ground.backendTls,
      geoip,
      version: control.version,
      maxClientConnections: config.max_client_connections || clientConnectionsFor(openFilesLimit()),
    },
    tables,
    snapshot: () => registry.snapshot(),
    onLog: (lines) => log.writeLines(lines),
    onSticky: (assignments) => registry.saveSticky(assignments),
    onEjected: (ejected) => registry.onEjected(ejected),
    onDecisions: control.onDecisions,
    now: ground.clock.now,
    log: log.component("workers"),
  });
}

/** Has new certificates and keys used as soon as their files change. */
function watchFiles(
  { config, log, certificates }: Ground,
  supervisor: Supervisor,
  live: { now: readonly ApiKey[] },
  cleanup: DisposableStack,
): void {
  if (keyFiles(config).length > 0) {
    const watch = new FileWatch({
      files: keyFiles(config),
      what: "keys",
      read: () => readKeys(config),
      use: (keys) => {
        live.now = keys;
        supervisor.setKeys(keys);
        return { keys: keys.length };
      },
      log: log.component("keys"),
    });
    cleanup.defer(() => watch.stop());
  }
  if (certificates === null) return;
  const onChange = (changed: CertificateSet): void => supervisor.setCertificates(changed);
  const options = { config, log: log.component("tls"), now: Date.now, onChange };
  cleanup.adopt(new CertificateWatch(options, certificates), (watch) => watch.stop());
}

function stopOnce(
  ground: Ground,
  supervisor: Supervisor,
  console: Pick<Console, "stop">,
  cleanup: DisposableStack,
): () => Promise<void> {
  const log = ground.log.component("server");
  const seconds = ground.config.shutdown_timeout_seconds;
  let stopping: Promise<void> | null = null;
  const stop = async (): Promise<void> => {
    log.info("shutting down: requests in flight may finish", { within_seconds: seconds });
    // Those who look on are not waited for.
    console.stop();
    const cut = await supervisor.drain(seconds * 1000);
    cleanup.dispose();
    log.info("stopped", { cut });
  };
  return () => {
    stopping ??= stop();
    return stopping;
  };
}

function takeUp(registry: Registry, path: string): ReturnType<Registry["restore"]> {
  try {
    return registry.restore();
  } catch (error) {
    throw new StartError(`cannot read the database ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function usedPorts({ port, adminPort }: Ports): number[] {
  return [port, adminPort].filter((used) => used !== 0);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

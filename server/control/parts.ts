/** Makes the parts of the control plane from what the ground holds. */
import { randomBytes } from "node:crypto";
import type { ApiKey } from "../../core/plane/api-key.ts";
import type { CertificateSet } from "../../core/plane/messages.ts";
import { tlsFor } from "../../core/tls/backend-tls.ts";
import type { Decision } from "../../core/wire/console.ts";
import { makeLookup } from "../names/lookup.ts";
import { NameResolver } from "../names/name-resolver.ts";
import { FileWatch } from "./files/file-watch.ts";
import type { Ground } from "./ground.ts";
import { probe } from "./health/probe.ts";
import { type ProbeReport, Prober } from "./health/prober.ts";
import { keyFiles, readKeys } from "./keys/key-files.ts";
import { stickyKeyOf } from "./keys/sticky-key.ts";
import { type MigrationDeps, Migrations } from "./migration/migrations.ts";
import { Registry } from "./registry/registry.ts";
import type { BackendUpdate } from "./registry/registry-types.ts";
import type { Live } from "./settings/live.ts";
import type { Locate } from "./startup/geoip.ts";
import { clientConnectionsFor, openFilesLimit } from "./startup/open-files.ts";
import type { Store } from "./store/store.ts";
import { CertificateWatch } from "./tls/certificate-watch.ts";
import type { Exporter } from "./tracing/exporter.ts";
import { type LiveSettings, Supervisor } from "./workers/supervisor.ts";

/** Makes the prober; what it does follows the configuration. */
export function makeProber(
  { config: start, live, policy, backendTls }: Ground,
  onProbe: (report: ProbeReport) => void,
): Prober {
  const names = new NameResolver({
    lookup: makeLookup(start.dns_servers),
    now: () => performance.now(),
    // The workers say so.
    onStale: () => {},
  });
  return new Prober({
    get isEnabled() {
      return live.config.health_check_enabled;
    },
    get intervalMs() {
      return live.config.health_check_interval_seconds * 1000;
    },
    get thresholds() {
      const { health_check_healthy_threshold: healthy, health_check_unhealthy_threshold: unhealthy } =
        live.config;
      return { healthy, unhealthy };
    },
    probe: (origin, loopbackAllowed) =>
      probe(origin, {
        type: live.config.health_check_type,
        timeoutMs: live.config.health_check_timeout_seconds * 1000,
        path: live.config.health_check_path,
        tls: tlsFor(origin.host, backendTls),
        names,
        refusal: (address, port) => policy.check(address, port, loopbackAllowed),
      }),
    onProbe,
    random: Math.random,
  });
}

/** Makes the registry with its prober; both follow the configuration. */
export function makeRegistry(
  { live, clock, log, policy }: Ground,
  parts: {
    readonly store: Store;
    readonly prober: Prober;
    readonly groupOf: Migrations["groupOf"];
    readonly locate: Locate | null;
    readonly publish: (update: BackendUpdate) => Promise<void>;
  },
): Registry {
  const { store, prober, groupOf, locate, publish } = parts;
  return new Registry({
    get config() {
      return live.config;
    },
    get tiers() {
      return live.tiers;
    },
    get picker() {
      return live.picker;
    },
    tables: live.tables,
    policy,
    store,
    prober,
    publish,
    groupOf,
    log: log.component("registry"),
    now: clock.now,
    wallOf: clock.wallOf,
    ...(locate === null ? {} : { locate }),
  });
}

/** Makes what runs migrations between groups of the backends that it is given. */
export function makeMigrations(
  { live, clock, log }: Ground,
  store: Store,
  backends: MigrationDeps["backends"],
): Migrations {
  return new Migrations({
    get picker() {
      return live.picker;
    },
    tables: live.tables,
    store,
    backends,
    log: log.component("migration"),
    now: clock.now,
    wallOf: clock.wallOf,
  });
}

/** Makes the supervisor of the workers, which are not started yet. */
export function makeSupervisor(
  ground: Ground,
  registry: Registry,
  { store, exporter }: { readonly store: Store; readonly exporter: Exporter | null },
  control: {
    readonly socket: string;
    readonly secret: string;
    readonly version: string;
    readonly onDecisions: (made: readonly Decision[]) => void;
  },
): Supervisor {
  const { config, live, log, shared, geoip } = ground;
  return new Supervisor({
    base: {
      ...liveSettings(live),
      tables: shared,
      controlSocket: control.socket,
      controlSecret: control.secret,
      viaName: `opsen-${randomBytes(8).toString("hex")}`,
      stickyKey: stickyKeyOf(config.sticky_cookie, ground.stickyKey, store, log.component("store")),
      certificates: ground.certificates,
      backendTls: ground.backendTls,
      geoip,
      version: control.version,
    },
    tables: live.tables,
    snapshot: () => registry.snapshot(),
    onLog: (lines) => log.writeLines(lines),
    onSpans: (spans) => exporter?.add(spans),
    onSticky: (assignments) => registry.saveSticky(assignments),
    onEjected: (ejected) => registry.onEjected(ejected),
    onDecisions: control.onDecisions,
    now: ground.clock.now,
    log: log.component("workers"),
  });
}

/** What workers are told of the configuration, at their start and whenever it changes. */
export function liveSettings({ config, tiers, defaultTier, keys, workers }: Live): LiveSettings {
  return {
    config,
    workers,
    tiers,
    defaultTier,
    keys,
    maxClientConnections: config.max_client_connections || clientConnectionsFor(openFilesLimit()),
  };
}

/** Has new certificates and keys used as soon as their files change. */
export function watchFiles(
  { config, live, log, certificates }: Ground,
  supervisor: Supervisor,
  setKeys: (keys: readonly ApiKey[]) => void,
  cleanup: DisposableStack,
): void {
  const keys = new FileWatch({
    files: () => keyFiles(live.config),
    what: "keys",
    read: () => readKeys(live.config),
    use: (changed) => {
      live.replaceKeys(changed);
      setKeys(changed);
      return { keys: changed.length };
    },
    log: log.component("keys"),
  });
  cleanup.defer(() => keys.stop());
  if (certificates === null) return;
  const onChange = (changed: CertificateSet): void => supervisor.setCertificates(changed);
  const options = { config, log: log.component("tls"), now: Date.now, onChange };
  cleanup.adopt(new CertificateWatch(options, certificates), (watch) => watch.stop());
}

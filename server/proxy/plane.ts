import type { ServerConfig } from "../../core/config/schema/server-schema.ts";
import { HttpDate } from "../../core/http/http-date.ts";
import type { FromWorker, WorkerInit } from "../../core/plane/messages.ts";
import type { CounterName } from "../../core/table/figures/counter-names.ts";
import { openTables } from "../../core/table/tables.ts";
import { makeLookup } from "../names/lookup.ts";
import { NameResolver } from "../names/name-resolver.ts";
import { ResponseCache } from "./cache/cache.ts";
import { cacheOptions } from "./cache/options.ts";
import { Compression } from "./compression/compression.ts";
import type { Plane } from "./context.ts";
import { StickyCookies } from "./exchange/sticky-cookies.ts";
import { addressGate } from "./guards/address-gate.ts";
import { KeyGuard } from "./guards/keys.ts";
import { ConnectionPool } from "./http1/connection-pool.ts";
import { IdleConnections, workerShare } from "./net/idle-connections.ts";
import { SendBuffer } from "./net/send-buffer.ts";
import { TimerWheel } from "./net/timer-wheel.ts";
import { type PoolLimits, UNCOUNTED, type Wiring } from "./net/wiring.ts";
import { proxyOptions } from "./options.ts";
import { settledParts } from "./settings.ts";
import { DecisionSampler } from "./thread/decision-sampler.ts";
import type { GeoLookup } from "./thread/geo-lookup.ts";
import { WorkerLog } from "./thread/worker-log.ts";
import { Tracer } from "./tracing/tracer.ts";
import { Directory } from "./upstream/directory.ts";
import { RequestQueue } from "./upstream/queue.ts";
import { RowSlots, SpareConnections } from "./upstream/row-slots.ts";

/** A head grows by what we add to it: forwarding headers, identities, framing. */
const ADDED_HEAD_BYTES = 16_384;
const LONG_STALL_MS = 500;

/** Makes everything that the requests of one worker share. */
export function makePlane(
  init: WorkerInit,
  geo: GeoLookup,
  post: (message: FromWorker) => void,
  now: () => number,
): Plane {
  const { config, index } = init;
  const options = proxyOptions(config);
  const tables = openTables(init.tables, index);
  const count = (counter: CounterName, by?: number) => tables.counters.inc(index, counter, by);
  const log = makeLog(config, post, count);
  const wheel = new TimerWheel(
    () => performance.now(),
    (ms) => onStall(ms, log, count),
    (lateMs) => tables.loop.late(lateMs),
  );
  const out = new SendBuffer(2 * config.max_header_bytes + ADDED_HEAD_BYTES);
  const idle = new IdleConnections(workerShare(config.pool_max_idle, index, init.workers));
  const wiring = { wheel, out, headLimits: options.head, idle };
  const upstream = makeUpstream(init, { options, tables, log, wiring });
  const control = { kind: "unix", path: init.controlSocket } as const;
  return {
    index,
    options,
    ...settledParts(init, tables, null),
    viaName: init.viaName,
    tables,
    wheel,
    ...upstream,
    cookies: makeCookies(init),
    cache: config.cache_enabled ? makeCache(init, tables, count) : null,
    log,
    decisions: new DecisionSampler(post),
    out,
    compression: Compression.of(config, count),
    tracer: Tracer.of(config, post, count),
    date: new HttpDate(),
    ...writerContexts(init.viaName, config),
    control: new ConnectionPool(control, ...controlPool(options.pool, wiring), UNCOUNTED),
    controlSecret: init.controlSecret,
    keys: new KeyGuard(init.keys),
    geo,
    draining: false,
    post,
    count,
    now,
    nextRequestId: requestIds(index),
  };
}

/** The pools of every backend that is known now, and the queue of those who wait for room in them. */
function makeUpstream(
  init: WorkerInit,
  { options, tables, log, wiring }: Pick<Plane, "options" | "tables" | "log"> & { readonly wiring: Wiring },
): Pick<Plane, "directory" | "queue"> {
  const { allowed_endpoint_cidrs: allowed, denied_endpoint_cidrs: denied } = init.config;
  const spare: SpareConnections = new SpareConnections((isAny) => queue.watch(isAny));
  const queue = new RequestQueue(tables.queue, tables.backends.tierCount, options.queue, () => spare.yield());
  const names = new NameResolver({
    lookup: makeLookup(init.config.dns_servers),
    now: () => performance.now(),
    onStale: (host, reason) =>
      log.warn("a backend's name does not resolve now: its last addresses are used", { host, reason }),
  });
  const ways = { tls: init.backendTls, gate: addressGate({ allowed, denied }, log), names };
  const bells = { freed: () => tables.queue.freed(), wanted: () => tables.queue.ring() };
  const directory = new Directory(
    wiring,
    options.pool,
    ways,
    (backend) => new RowSlots(tables, spare, backend, bells),
  );
  directory.addGroups(0, init.pathGroups);
  for (const backend of init.backends) directory.set(backend.row, backend);
  return { directory, queue };
}

/** The cookies of sessions, for the backends that are known now. */
function makeCookies({ config, stickyKey, backends }: WorkerInit): StickyCookies | null {
  if (config.sticky_cookie === "") return null;
  const cookies = new StickyCookies(config, stickyKey);
  for (const backend of backends) cookies.set(backend.row, backend);
  return cookies;
}

/** What is asked of connections to backends is not asked of those to the control plane, which do not count as such either. */
function controlPool(limits: PoolLimits, wiring: Wiring): readonly [PoolLimits, Wiring] {
  const idle = new IdleConnections(Number.POSITIVE_INFINITY);
  return [
    { ...limits, maxLifetimeMs: 0, keepAliveMs: 0 },
    { ...wiring, idle },
  ];
}

function makeCache(
  { config, index, workers, viaName }: WorkerInit,
  { cacheVersions, cacheSizes }: Plane["tables"],
  count: Plane["count"],
): ResponseCache {
  const channel = workers > 1 ? `cache of ${viaName}` : "";
  return new ResponseCache(cacheOptions(config, workers), cacheVersions, channel, {
    onEvicted: () => count("cache_evicted"),
    onSize: (entries, bytes) => cacheSizes.set(index, entries, bytes),
  });
}

function makeLog(
  config: ServerConfig,
  post: (message: FromWorker) => void,
  count: Plane["count"],
): WorkerLog {
  return new WorkerLog({
    level: config.log_level,
    json: config.json_logging,
    post,
    onDropped: (lines) => count("log_lines_dropped", lines),
    monotonicMs: () => performance.now(),
  });
}

/** Something has kept the thread from its connections: work of ours, a busy machine, or a signal that stopped us. */
function onStall(ms: number, log: WorkerLog, count: Plane["count"]): void {
  count("stalls");
  if (ms >= LONG_STALL_MS) log.warn("this thread could not work for a while", { ms: Math.round(ms) });
}

function writerContexts(viaName: string, config: ServerConfig): Pick<Plane, "forward" | "respond"> {
  return {
    forward: {
      authority: "",
      basePath: "",
      preserveHost: config.preserve_host,
      clientIp: "",
      forwardedFor: "",
      proto: "http",
      forwardedHost: "",
      forwarded: "",
      clientSubject: "",
      passesCertificates: false,
      close: !config.upstream_keepalive,
      requestId: "",
      viaName,
      lbClientId: "",
      lbHostname: "",
      dropHeader: "",
      dropConditions: false,
      upgrade: "",
      forwardExpect: true,
      identityOnly: config.upstream_disable_compression,
      extra: [],
    },
    respond: {
      minor: 1,
      keepAlive: true,
      framing: "none",
      contentLength: -1,
      upgrade: false,
      viaName: "",
      date: "",
      extra: [],
    },
  };
}

/** Ids that differ between workers and restarts by a random prefix, and within one by a counter. */
function requestIds(index: number): () => string {
  const random = crypto.getRandomValues(new Uint32Array(2));
  const prefix = `${index.toString(36)}${[...random].map((word) => word.toString(36)).join("")}-`;
  let counter = 0;
  return () => prefix + (++counter).toString(36);
}

import { pickerOptions, retryBudget } from "../../core/balancing/options.ts";
import { Picker } from "../../core/balancing/picker.ts";
import { RetryDesk } from "../../core/balancing/retry-desk.ts";
import type { ServerConfig } from "../../core/config/server-schema.ts";
import { HttpDate } from "../../core/http/http-date.ts";
import type {
  CertificateSet,
  FromWorker,
  ToWorker,
  WorkerBackend,
  WorkerInit,
} from "../../core/plane/messages.ts";
import type { CounterName } from "../../core/table/counter-names.ts";
import { openTables } from "../../core/table/tables.ts";
import { ClientGate } from "./client/client-gate.ts";
import { type ListenAddress, type Listener, listenPlain } from "./client/listener.ts";
import { listenSecure, type SecureListener } from "./client/secure-listener.ts";
import type { ClientHome, Door, OpenConnection, Plane } from "./context.ts";
import { dispatch } from "./dispatch.ts";
import { Exchange } from "./exchange/exchange.ts";
import { addressGate } from "./guards/address-gate.ts";
import { CorsGuard } from "./guards/cors.ts";
import { KeyGuard } from "./guards/keys.ts";
import { ConnectionPool } from "./http1/connection-pool.ts";
import { securityHeaders } from "./management/management.ts";
import { SendBuffer } from "./net/send-buffer.ts";
import { TimerWheel } from "./net/timer-wheel.ts";
import { UNCOUNTED } from "./net/wiring.ts";
import { proxyOptions } from "./options.ts";
import { onFault } from "./thread/faults.ts";
import { GeoLookup } from "./thread/geo-lookup.ts";
import { IdleTrim } from "./thread/idle-trim.ts";
import { WorkerLog } from "./thread/worker-log.ts";
import { Directory } from "./upstream/directory.ts";
import { RequestQueue } from "./upstream/queue.ts";
import { RowSlots, SpareConnections } from "./upstream/row-slots.ts";

/** Exchanges kept for reuse; each holds the offsets of one head. */
const MAX_SPARE_EXCHANGES = 1024;
/** A head grows by what we add to it: forwarding headers, identities, framing. */
const ADDED_HEAD_BYTES = 16_384;
const DRAIN_POLL_MS = 50;
const QUIET_MS = 5000;
const LONG_STALL_MS = 500;

/** What a worker does with the messages that follow `init`. */
export interface DataPlane {
  apply(message: ToWorker): void;
}

/** Opens the listeners and serves; tells `post` when it is ready, or why it cannot be. Things age by `now`. */
export async function startDataPlane(
  init: WorkerInit,
  post: (message: FromWorker) => void,
  now: () => number,
): Promise<DataPlane | null> {
  try {
    const plane = makePlane(init, await GeoLookup.open(init.geoip), post, now);
    onFault((error) => {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      plane.log.write("error", "a request met a fault of the proxy itself", "proxy", { reason });
    });
    const server = new Server(plane, init.maxClientConnections, post);
    await server.listen(init);
    return server;
  } catch (error) {
    post({ type: "failed", reason: messageOf(error) });
    return null;
  }
}

/** The connections of one worker, and the way to their end. */
class Server implements DataPlane, ClientHome {
  readonly plane: Plane;
  readonly gate: ClientGate;
  readonly #post: (message: FromWorker) => void;
  readonly #connections = new Set<OpenConnection>();
  readonly #spare: Exchange[] = [];
  readonly #listeners: Listener[] = [];
  readonly #secure: SecureListener[] = [];
  readonly #trim = new IdleTrim({
    quietMs: QUIET_MS,
    isIdle: () => this.#inUse === 0,
    trim: () => Bun.shrink(),
  });
  #inUse = 0;

  constructor(plane: Plane, maxConnections: number, post: (message: FromWorker) => void) {
    const { options, tables, log } = plane;
    const { maxPerAddress: perAddress, trustedProxies: trusted } = options;
    const limits = { connections: maxConnections, perAddress, trusted };
    this.plane = plane;
    this.gate = new ClientGate(tables.clients, limits, log, (counter) => plane.count(counter));
    this.#post = post;
  }

  async listen(init: WorkerInit): Promise<void> {
    const { config } = init;
    const open = async (
      door: Pick<Door, "management" | "proxied">,
      host: string,
      port: number,
    ): Promise<Listener> => {
      try {
        return await this.#open(init, door, { host, port });
      } catch (error) {
        throw new Error(`cannot listen on ${host} port ${port}: ${messageOf(error)}`, { cause: error });
      }
    };
    const hasAdmin = config.admin_port !== 0;
    const main = await open({ management: !hasAdmin, proxied: true }, config.host, init.port);
    this.#listeners.push(main);
    let adminPort = 0;
    if (hasAdmin) {
      const admin = await open({ management: true, proxied: false }, config.admin_host, init.adminPort);
      this.#listeners.push(admin);
      adminPort = admin.port;
    }
    this.#post({ type: "ready", port: main.port, adminPort });
  }

  apply(message: ToWorker): void {
    if (message.type === "backend") this.#applyBackend(message);
    else if (message.type === "certificates") this.#replaceCertificates(message.certificates);
    else if (message.type === "keys") this.plane.keys.replace(message.keys);
    else if (message.type === "drain") this.#drain(message.withinMs);
  }

  take(): Exchange {
    this.#inUse++;
    return this.#spare.pop() ?? new Exchange(this.plane);
  }

  giveBack(exchange: Exchange): void {
    this.#inUse--;
    this.#trim.touch();
    exchange.head.reset();
    if (this.#spare.length < MAX_SPARE_EXCHANGES) this.#spare.push(exchange);
  }

  dispatch(exchange: Exchange): void {
    dispatch(exchange);
  }

  opened(connection: OpenConnection): void {
    this.plane.count("connections_accepted");
    this.#connections.add(connection);
  }

  closed(connection: OpenConnection): void {
    this.plane.count("connections_closed");
    this.#connections.delete(connection);
  }

  async #open(
    { config, certificates }: WorkerInit,
    side: Pick<Door, "management" | "proxied">,
    address: ListenAddress,
  ): Promise<Listener> {
    const door = { ...side, secure: certificates !== null, clientSubject: "" };
    if (certificates === null) return listenPlain(this, door, address);
    const listener = await listenSecure(this, door, address, {
      certificates,
      minVersion: config.tls_min_version,
      clientAuth: config.tls_client_auth,
      http2: config.http2,
      handshakeTimeoutMs: this.plane.options.handshakeTimeoutMs,
    });
    this.#secure.push(listener);
    return listener;
  }

  #replaceCertificates(certificates: CertificateSet): void {
    try {
      for (const listener of this.#secure) listener.replace(certificates);
    } catch (error) {
      // They fit together, but TLS will not have them, as a key that is too weak.
      const reason = messageOf(error);
      this.plane.log.write("error", "new certificates cannot be used, the old ones stay", "tls", { reason });
    }
  }

  #applyBackend(message: WorkerBackend): void {
    const { directory } = this.plane;
    directory.addGroups(message.newPathGroups.index, message.newPathGroups.groups);
    directory.set(message.row, message.backend);
    this.#post({ type: "ack", seq: message.seq });
  }

  #drain(withinMs: number): void {
    if (this.plane.draining) return;
    this.plane.draining = true;
    for (const listener of this.#listeners) listener.stop();
    for (const connection of this.#connections) connection.shut(false);
    const deadlineMs = performance.now() + withinMs;
    const poll = setInterval(() => {
      const isBusy = [...this.#connections].some((connection) => connection.isBusy);
      if (isBusy && performance.now() < deadlineMs) return;
      clearInterval(poll);
      this.#cutAll();
    }, DRAIN_POLL_MS);
  }

  #cutAll(): void {
    this.#trim.stop();
    let cut = 0;
    for (const connection of this.#connections) cut += connection.shut(true);
    this.plane.directory.closeIdle();
    this.plane.control.closeIdle();
    this.plane.log.flush();
    this.#post({ type: "drained", cut });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function makePlane(
  init: WorkerInit,
  geo: GeoLookup,
  post: (message: FromWorker) => void,
  now: () => number,
): Plane {
  const { config, tiers, index } = init;
  const options = proxyOptions(config);
  const tables = openTables(init.tables, index);
  const count = (counter: CounterName, by?: number) => tables.counters.inc(index, counter, by);
  const log = makeLog(config, post, count);
  const wheel = new TimerWheel(
    () => performance.now(),
    (ms) => onStall(ms, log, count),
  );
  const rules = { allowed: config.allowed_endpoint_cidrs, denied: config.denied_endpoint_cidrs };
  const out = new SendBuffer(2 * config.max_header_bytes + ADDED_HEAD_BYTES);
  const wiring = { wheel, out, headLimits: options.head };
  const spare: SpareConnections = new SpareConnections((isAny) => queue.watch(isAny));
  const queue = new RequestQueue(tables.queue, tiers.length, options.queue, () => spare.yield());
  const checks = { tls: init.backendTls, gate: addressGate(rules, log) };
  const directory = new Directory(
    wiring,
    options.pool,
    checks,
    (backend) => new RowSlots(tables.connections, spare, backend, () => tables.queue.freed()),
  );
  directory.addGroups(0, init.pathGroups);
  for (const backend of init.backends) directory.set(backend.row, backend);
  const control = { kind: "unix", path: init.controlSocket } as const;
  return {
    index,
    options,
    tiers,
    tierNumbers: new Map(tiers.map((tier, number) => [tier.name, number])),
    defaultTier: init.defaultTier,
    viaName: init.viaName,
    tables,
    picker: new Picker(tables, pickerOptions(config, tiers)),
    retryDesk: new RetryDesk(tables, retryBudget(config)),
    wheel,
    directory,
    queue,
    log,
    out,
    date: new HttpDate(),
    ...writerContexts(init.viaName, config),
    control: new ConnectionPool(control, options.pool, wiring, UNCOUNTED),
    controlSecret: init.controlSecret,
    keys: new KeyGuard(init.keys),
    insecureNoAuth: config.insecure_no_auth,
    cors: new CorsGuard(config.enable_cors, config.cors_allowed_origins, [
      config.sticky_header,
      config.tier_header,
    ]),
    geo,
    securityHeaders: securityHeaders(config.disable_security_headers),
    draining: false,
    post,
    count,
    now,
    nextRequestId: requestIds(index),
  };
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
      upgrade: "",
      forwardExpect: true,
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

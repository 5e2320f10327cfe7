import { messageOf } from "../../core/log/message-of.ts";
import type {
  CertificateSet,
  FromWorker,
  ToWorker,
  WorkerBackend,
  WorkerCachePurge,
  WorkerCacheQuestion,
  WorkerInit,
  WorkerSettings,
} from "../../core/plane/messages.ts";
import { cacheReport } from "./cache/report.ts";
import { ClientGate, type GateLimits } from "./client/client-gate.ts";
import { type ListenAddress, type Listener, listenPlain } from "./client/listener.ts";
import { listenSecure, type SecureListener } from "./client/secure-listener.ts";
import type { ClientHome, Door, OpenConnection, Plane } from "./context.ts";
import { dispatch } from "./dispatch.ts";
import { Exchange } from "./exchange/exchange.ts";
import { makePlane } from "./plane.ts";
import { applySettings } from "./settings.ts";
import { onFault } from "./thread/faults.ts";
import { GeoLookup } from "./thread/geo-lookup.ts";
import { IdleTrim } from "./thread/idle-trim.ts";

/** Exchanges kept for reuse; each holds the offsets of one head. */
const MAX_SPARE_EXCHANGES = 1024;
const DRAIN_POLL_MS = 50;
const QUIET_MS = 5000;

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
  #drainUntilMs = Number.POSITIVE_INFINITY;

  constructor(plane: Plane, maxConnections: number, post: (message: FromWorker) => void) {
    const { tables, log } = plane;
    this.plane = plane;
    this.gate = new ClientGate(tables.clients, this.#limits(maxConnections), log, (counter) =>
      plane.count(counter),
    );
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
    else if (message.type === "sample") this.plane.decisions.setRate(message.perSecond);
    else if (message.type === "settings") this.#applySettings(message);
    else if (message.type === "drain") this.#drain(message.withinMs);
    else if (message.type === "cache_purge" || message.type === "cache_question") this.#askCache(message);
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
    this.plane.cookies?.set(message.row, message.backend);
    this.#post({ type: "ack", seq: message.seq });
  }

  #applySettings(message: WorkerSettings): void {
    applySettings(this.plane, message);
    this.gate.setLimits(this.#limits(message.maxClientConnections));
    this.#post({ type: "ack", seq: message.seq });
  }

  #limits(connections: number): GateLimits {
    const { maxPerAddress: perAddress, trustedProxies: trusted } = this.plane.options;
    return { connections, perAddress, trusted };
  }

  /** Answers for the cache, also when there is none. */
  #askCache(message: WorkerCachePurge | WorkerCacheQuestion): void {
    const { cache } = this.plane;
    const { seq } = message;
    if (message.type === "cache_purge") {
      const entries = cache?.purge(message.purge) ?? 0;
      this.plane.count("cache_purged", entries);
      this.#post({ type: "cache_purged", seq, entries });
    } else {
      const report = cacheReport(cache?.store ?? null, message.most, performance.now());
      this.#post({ type: "cache_report", seq, report });
    }
  }

  #drain(withinMs: number): void {
    this.#drainUntilMs = Math.min(this.#drainUntilMs, performance.now() + withinMs);
    if (this.plane.draining) return;
    this.plane.draining = true;
    for (const listener of this.#listeners) listener.stop();
    for (const connection of this.#connections) connection.shut(false);
    const poll = setInterval(() => {
      const isBusy = [...this.#connections].some((connection) => connection.isBusy);
      if (isBusy && performance.now() < this.#drainUntilMs) return;
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
    this.plane.cache?.close();
    this.plane.log.flush();
    this.plane.tracer?.flush();
    this.#post({ type: "drained", cut });
  }
}

/** A data plane in this process: real tables, real sockets, backends registered by hand instead of by agents. */
import { withDefaults } from "../../../core/config/defaults.ts";
import { type ServerConfig, ServerConfigSchema } from "../../../core/config/schema/server-schema.ts";
import type { FromWorker, ToWorker, WorkerInit } from "../../../core/plane/messages.ts";
import type { Backend, Endpoint, PathGroup, Tier } from "../../../core/plane/snapshot.ts";
import { allocateTables, openTables, type Tables, tableSizes } from "../../../core/table/tables.ts";
import { readKeys } from "../../../server/control/keys/key-files.ts";
import { type DataPlane, startDataPlane } from "../../../server/proxy/data-plane.ts";

const GIB = 2 ** 30;

export const TIERS: readonly Tier[] = [tier("lite", 1), tier("large", 4)];

export interface CellOptions {
  /** Keys of server.yml that differ from the test's defaults. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly controlSocket?: string;
  readonly stickyKey?: string;
  readonly certificates?: WorkerInit["certificates"];
  readonly backendTls?: WorkerInit["backendTls"];
  readonly maxClientConnections?: number;
  /** Instead of {@link TIERS}; as many of them. */
  readonly tiers?: readonly Tier[];
  /** Where the admin listener is bound, instead of `admin_port`. */
  readonly adminPort?: number;
}

export interface Added {
  readonly row: number;
  readonly generation: number;
}

export interface BackendOptions {
  readonly id?: string;
  readonly ports: readonly number[];
  readonly scheme?: "http" | "https";
  readonly isHttp2?: boolean;
  readonly host?: string;
  readonly cores?: number;
  readonly score?: number;
  readonly patterns?: PathGroup["patterns"];
  /** Number of the path group, instead of the next free one. */
  readonly group?: number;
  /** As for an agent on this host; true unless said otherwise. */
  readonly loopbackAllowed?: boolean;
  /** 0 or absent: no limit. */
  readonly maxInFlight?: number;
  readonly maxConnections?: number;
}

/** One worker's data plane with the control plane's view of its tables. */
export class Cell implements AsyncDisposable {
  readonly port: number;
  readonly adminPort: number;
  readonly tables: Tables;
  readonly messages: FromWorker[];
  readonly init: WorkerInit;
  readonly #plane: DataPlane;
  #seq = 0;
  #groups = 1;

  private constructor(parts: { plane: DataPlane; init: WorkerInit; messages: FromWorker[]; tables: Tables }) {
    this.#plane = parts.plane;
    this.init = parts.init;
    this.messages = parts.messages;
    this.tables = parts.tables;
    const ready = parts.messages.find((message) => message.type === "ready");
    this.port = ready?.port ?? 0;
    this.adminPort = ready?.adminPort ?? 0;
  }

  static async start(options: CellOptions = {}): Promise<Cell> {
    return Cell.of(cellInit(options));
  }

  /** Starts a worker that is told so; several may share tables. */
  static async of(init: WorkerInit): Promise<Cell> {
    const messages: FromWorker[] = [];
    const plane = await startDataPlane(init, (message) => messages.push(message), Date.now);
    if (plane === null) throw new Error(`the data plane did not start: ${JSON.stringify(messages)}`);
    return new Cell({ plane, init, messages, tables: openTables(init.tables) });
  }

  /** Access lines and warnings so far. */
  get log(): string {
    return this.messages.map((message) => (message.type === "log" ? message.lines : "")).join("");
  }

  /** Registers a backend that is up and has just reported. */
  add(options: BackendOptions): Added {
    const { backends } = this.tables;
    const claimed = backends.claimRow();
    if (claimed === null) throw new Error("the backend table is full");
    const { row, generation } = claimed;
    const group = options.group ?? (options.patterns === undefined ? 0 : this.#groups++);
    this.#plane.apply({
      type: "backend",
      seq: ++this.#seq,
      row,
      backend: backendOf(options, claimed, group),
      newPathGroups: {
        index: group,
        groups: options.patterns === undefined ? [] : [{ patterns: options.patterns }],
      },
    });
    backends.setPathGroup(row, group);
    writeFigures(this.tables, row, options);
    backends.setLimits(row, options.maxInFlight ?? 0, options.maxConnections ?? 0);
    backends.setEnabled(row, true);
    return { row, generation };
  }

  /** Tells the worker of a backend's new endpoints, before the table has their path group. */
  announce(added: Added, options: BackendOptions): void {
    const group = this.#groups++;
    this.#plane.apply({
      type: "backend",
      seq: ++this.#seq,
      row: added.row,
      backend: backendOf(options, added, group),
      newPathGroups: { index: group, groups: [{ patterns: options.patterns ?? [[]] }] },
    });
  }

  /** Forgets a backend, as the control plane does. */
  remove(row: number): void {
    this.tables.backends.releaseRow(row);
    this.#plane.apply({
      type: "backend",
      seq: ++this.#seq,
      row,
      backend: null,
      newPathGroups: { index: 0, groups: [] },
    });
  }

  /** Tells the worker anything that the control plane may. */
  apply(message: ToWorker): void {
    this.#plane.apply(message);
  }

  drain(withinMs: number): void {
    this.#plane.apply({ type: "drain", withinMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drain(0);
    while (!this.messages.some((message) => message.type === "drained")) await Bun.sleep(5);
  }
}

/** What a worker is told first; tables are fresh. */
export function cellInit(options: CellOptions = {}, workers = 1): WorkerInit {
  const config = testConfig(options.config ?? {});
  const tables = allocateTables(tableSizes(config, TIERS.length, workers), randomWord);
  return {
    type: "init",
    index: 0,
    workers,
    config,
    tiers: options.tiers ?? TIERS,
    defaultTier: 0,
    tables,
    backends: [],
    pathGroups: [{ patterns: [[]] }],
    controlSocket: options.controlSocket ?? "/nonexistent/opsen.sock",
    controlSecret: "test-secret",
    viaName: "opsen-test",
    keys: readKeys(config).value ?? [],
    stickyKey: options.stickyKey ?? "a key for tests alone",
    certificates: options.certificates ?? null,
    backendTls: options.backendTls ?? { rules: [], ca: "", verify: !config.tls_insecure_skip_verify },
    maxClientConnections: options.maxClientConnections ?? 10_000,
    geoip: null,
    version: "0.0.0",
    port: config.port,
    adminPort: options.adminPort ?? config.admin_port,
  };
}

export function backendOf(options: BackendOptions, claimed: Added, pathGroup: number): Backend {
  const { scheme = "http", isHttp2 = false, host = "127.0.0.1", ports } = options;
  const endpoints: Endpoint[] = ports.map((port) => ({
    url: `${scheme}://${host}:${port}`,
    origin: {
      scheme,
      isHttp2,
      host,
      port,
      authority: `${host}:${port}`,
      basePath: "",
      key: `${isHttp2 ? "h2+" : ""}${scheme}://${host}:${port}`,
    },
  }));
  const clientId = options.id ?? `backend-${claimed.row}`;
  const { loopbackAllowed = true } = options;
  return { ...claimed, clientId, hostname: `host-${claimed.row}`, endpoints, pathGroup, loopbackAllowed };
}

export function writeFigures(tables: Tables, row: number, options: BackendOptions): void {
  tables.backends.writeReport(row, {
    reportedAtMs: Date.now(),
    freeCores: options.cores ?? 64,
    coreCost: 0,
    memoryAvailBytes: 256 * GIB,
    diskAvailBytes: 1024 * GIB,
    gpuVramFreeBytes: [],
    baseScores: TIERS.map(() => options.score ?? 0),
    gpuMasks: TIERS.map(() => 0),
  });
}

function testConfig(overrides: Readonly<Record<string, unknown>>): ServerConfig {
  const base = { port: 0, host: "127.0.0.1", proxy_endpoints: ["/"], health_check_enabled: false };
  const config = withDefaults(ServerConfigSchema, { ...base, ...overrides });
  if (!isConfig(config)) throw new Error("no configuration came out of the schema");
  return config;
}

/** Completed by the schema itself; its check is tested elsewhere. */
function isConfig(value: unknown): value is ServerConfig {
  return typeof value === "object" && value !== null;
}

function tier(name: string, vcpu: number): Tier {
  return {
    name,
    vcpu,
    memoryBytes: 0,
    storageBytes: 0,
    gpus: 0,
    gpuMemoryBytes: 0,
    reservation: "request",
  };
}

function randomWord(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

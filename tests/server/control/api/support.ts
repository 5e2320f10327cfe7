/** The API over a real registry, tables, picker and database, without workers: calls are made on its `fetch`. */
import { expect } from "bun:test";
import type { Picker } from "../../../../core/balancing/picker.ts";
import { loadServerConfig } from "../../../../core/config/load.ts";
import type { ServerConfig } from "../../../../core/config/schema/server-schema.ts";
import { type Place, toTiers } from "../../../../core/scoring/index.ts";
import type { Tables } from "../../../../core/table/tables.ts";
import { AGENT_TOKEN_HEADER } from "../../../../core/wire/registration.ts";
import type { Caches } from "../../../../server/control/api/cache.ts";
import { ADMIN_HEADER, createApi, PEER_HEADER, SECRET_HEADER } from "../../../../server/control/api/index.ts";
import { startMonitor } from "../../../../server/control/metrics/monitor.ts";
import { record, string } from "../../../support/json.ts";
import { idleReport, newWorld } from "../fixtures.ts";

const SECRET = "the workers' secret";
export const START_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

export interface ApiUnderTest {
  readonly picker: Picker;
  readonly tables: Tables;
  readonly config: ServerConfig;
  readonly logged: readonly string[];
  /** Tokens by id, of the backends that {@link join} registered. */
  readonly tokens: Map<string, string>;
  /** Milliseconds since the epoch, as the API sees it. */
  nowMs: number;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  raw(request: Request): Promise<Response>;
  [Symbol.dispose](): void;
}

export interface CallOptions {
  /** A value is sent as JSON, text as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly peer?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

export interface Setup {
  /** Text of a `server.yml`. */
  readonly config?: string;
  readonly location?: (ip: string) => Place | null;
  readonly caches?: Caches;
}

const NO_CACHES: Caches = { purge: async () => 0, report: async () => [] };

export function startApi({ config: text = "", location, caches = NO_CACHES }: Setup = {}): ApiUnderTest {
  const loaded = loadServerConfig({ flags: { config: "x" }, env: {}, readFile: () => text });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  const world = newWorld({ wholeConfig: loaded.config });
  const { config, picker, tables, log } = world;
  world.nowMs = START_MS;
  const cleanup = new DisposableStack();
  const shared = {
    registry: world.registry,
    migrations: world.migrations,
    tables,
    ...toTiers(config),
    config,
    settings: world.settings,
    audit: world.audit,
    source: null,
    now: () => world.nowMs,
    wallOf: (ms: number) => ms,
    version: "1.2.3",
  };
  const monitor = startMonitor({ ...shared, workers: 1, maxOpenFiles: 1024, keys: [], cleanup });
  const api = createApi({
    ...shared,
    caches,
    picker,
    secret: SECRET,
    log,
    ...(monitor && { monitor }),
    ...(location && { locate: location }),
  });
  return {
    picker,
    tables,
    config,
    logged: log.linesWithData,
    tokens: new Map(),
    get nowMs() {
      return world.nowMs;
    },
    set nowMs(value) {
      world.nowMs = value;
    },
    call: async (method, path, options = {}) => answerOf(await api.fetch(requestOf(method, path, options))),
    raw: (request) => api.fetch(request),
    [Symbol.dispose]: () => {
      cleanup.dispose();
      world[Symbol.dispose]();
    },
  };
}

function requestOf(
  method: string,
  path: string,
  { body, headers, peer = "127.0.0.1" }: CallOptions,
): Request {
  const content = typeof body === "string" ? body : JSON.stringify(body);
  return new Request(`http://localhost${path}`, {
    method,
    headers: { [SECRET_HEADER]: SECRET, [PEER_HEADER]: peer, [ADMIN_HEADER]: "1", ...headers },
    ...(content === undefined ? {} : { body: content }),
  });
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get("Content-Type")?.includes("json") === true;
  const json: unknown = isJson ? JSON.parse(text) : undefined;
  return { status: response.status, headers: response.headers, text, json };
}

export interface BackendFacts {
  readonly cpu?: readonly number[];
  readonly memoryGb?: readonly [used: number, total: number];
  readonly registration?: Readonly<Record<string, unknown>>;
  readonly report?: Readonly<Record<string, unknown>>;
}

/** Registers a backend, with its token if it has one, and sends a report. */
export async function join(api: ApiUnderTest, id: string, facts: BackendFacts = {}): Promise<void> {
  const { cpu = [0, 0, 0, 0], memoryGb: [used, total] = [0, 64], registration, report } = facts;
  const known = api.tokens.get(id);
  const headers = known === undefined ? {} : { [AGENT_TOKEN_HEADER]: known };
  const registered = await api.call("POST", "/register", {
    headers,
    body: { client_id: id, hostname: id, endpoint_url: "http://127.0.0.1:9000", ...registration },
  });
  if (registered.status !== 200) throw new Error(registered.text);
  const token = tokenOf(registered);
  api.tokens.set(id, token);
  const reported = await api.call("POST", "/stats", {
    headers: { [AGENT_TOKEN_HEADER]: token },
    body: {
      ...idleReport(id),
      cpu_cores: cpu.length,
      cpu_usage_avg: cpu,
      memory_total_gb: total,
      memory_used_gb: used,
      memory_avail_gb: total - used,
      disk_used_gb: 0,
      disk_avail_gb: 500,
      ...report,
    },
  });
  if (reported.status !== 200) throw new Error(reported.text);
}

export function tokenOf(answer: Answer): string {
  return string(record(answer.json).agent_token);
}

/** Checks the form of an error (RFC 9457) and gives its text back. */
export function expectProblem(answer: Answer, status: number): string {
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status });
  expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
  expect(answer.json).toMatchObject({
    type: "about:blank",
    title: textLike(/\w/),
    status,
    detail: textLike(/\w+ \w+/),
  });
  return answer.text;
}

/** Stands in an expectation for any text of a form. */
export function textLike(form: RegExp): unknown {
  return expect.stringMatching(form);
}

/** An agent of the tests' own: registers and reports by HTTP whatever figures a test wants. */
import { type Json, record, string } from "./json.ts";
import type { Answer, CallOptions } from "./raw-client.ts";

/** What a fake agent talks to: a test server, or anything that answers like one. */
export interface ManagementApi {
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
}

export interface FakeAgentOptions {
  readonly id: string;
  readonly endpoint?: string;
  readonly endpoints?: readonly { readonly url: string; readonly paths?: readonly string[] }[];
  readonly hostname?: string;
  /** One entry per core, in percent; a number stands for `cores` equal ones. */
  readonly cpu?: number | readonly number[];
  readonly cores?: number;
  readonly memoryTotalGb?: number;
  readonly memoryAvailGb?: number;
  readonly diskTotalGb?: number;
  readonly diskAvailGb?: number;
  readonly gpus?: readonly Json[];
  readonly latitude?: number;
  readonly longitude?: number;
  readonly key?: string;
  readonly tags?: readonly string[];
  /** Send the token that the server gave. Default true; the original's agents do not. */
  readonly keepToken?: boolean;
}

export class FakeAgent {
  readonly id: string;
  readonly #server: ManagementApi;
  readonly #options: FakeAgentOptions;
  #token: string | null = null;

  constructor(server: ManagementApi, options: FakeAgentOptions) {
    this.#server = server;
    this.#options = options;
    this.id = options.id;
  }

  /** Registers and reports; fails unless both are accepted. */
  static async join(server: ManagementApi, options: FakeAgentOptions): Promise<FakeAgent> {
    const agent = new FakeAgent(server, options);
    expectOk(await agent.register());
    expectOk(await agent.report());
    return agent;
  }

  get token(): string | null {
    return this.#token;
  }

  async register(overrides: Json = {}): Promise<Answer> {
    const body = { ...registrationOf(this.#options), ...overrides };
    const answer = await this.#server.call("POST", "/register", { json: body, headers: this.#headers() });
    if (answer.status === 200) {
      const token = record(answer.json).agent_token;
      if (token !== undefined && this.#options.keepToken !== false) this.#token = string(token);
    }
    return answer;
  }

  report(overrides: Json = {}): Promise<Answer> {
    const body = { ...reportOf(this.#options), ...overrides };
    return this.#server.call("POST", "/stats", { json: body, headers: this.#headers() });
  }

  remove(): Promise<Answer> {
    return this.#server.call("DELETE", `/clients/${this.id}`, { headers: this.#headers() });
  }

  #headers(): Record<string, string> {
    const headers: Record<string, string> = {};
    if (this.#options.key !== undefined) headers["X-API-Key"] = this.#options.key;
    if (this.#token !== null) headers["X-Opsen-Agent-Token"] = this.#token;
    return headers;
  }
}

/** Builds the body of a registration. */
export function registrationOf(options: FakeAgentOptions): Json {
  const { cores, gpus } = figures(options);
  return {
    client_id: options.id,
    hostname: options.hostname ?? `host-${options.id}`,
    public_ip: "203.0.113.10",
    local_ip: "127.0.0.1",
    latitude: options.latitude ?? 0,
    longitude: options.longitude ?? 0,
    country: "NL",
    city: "Amsterdam",
    total_cpu: cores.length,
    total_memory_gb: options.memoryTotalGb ?? 64,
    total_storage_gb: options.diskTotalGb ?? 500,
    ...(gpus.length > 0 && {
      total_gpus: gpus.length,
      gpu_models: gpus.map((each) => each.name ?? "GPU"),
    }),
    ...(options.endpoint !== undefined && { endpoint_url: options.endpoint }),
    ...(options.endpoints !== undefined && { endpoints: options.endpoints }),
    ...(options.tags !== undefined && { tags: options.tags }),
  };
}

/** Builds the body of a report; the timestamp is now. */
export function reportOf(options: FakeAgentOptions): Json {
  const { cores, gpus } = figures(options);
  const memoryTotal = options.memoryTotalGb ?? 64;
  const memoryAvail = options.memoryAvailGb ?? 48;
  const diskTotal = options.diskTotalGb ?? 500;
  const diskAvail = options.diskAvailGb ?? 400;
  return {
    client_id: options.id,
    hostname: options.hostname ?? `host-${options.id}`,
    timestamp: new Date().toISOString(),
    cpu_cores: cores.length,
    cpu_usage_avg: cores,
    memory_total_gb: memoryTotal,
    memory_used_gb: memoryTotal - memoryAvail,
    memory_avail_gb: memoryAvail,
    disk_total_gb: diskTotal,
    disk_used_gb: diskTotal - diskAvail,
    disk_avail_gb: diskAvail,
    ...(gpus.length > 0 && { gpus }),
  };
}

function figures(options: FakeAgentOptions): { cores: readonly number[]; gpus: readonly Json[] } {
  const cpu = options.cpu ?? 10;
  const cores = typeof cpu === "number" ? Array.from({ length: options.cores ?? 4 }, () => cpu) : cpu;
  return { cores, gpus: options.gpus ?? [] };
}

function expectOk(answer: Answer): void {
  if (answer.status !== 200) throw new Error(`expected 200, got ${answer.status}: ${answer.text}`);
}

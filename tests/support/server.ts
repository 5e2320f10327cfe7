/** Starts real servers in directories of their own and asks them over real sockets. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { Child, type Finished } from "./child.ts";
import { eventually } from "./eventually.ts";
import { commandOf } from "./executables.ts";
import { type Json, record } from "./json.ts";
import { type Answer, type CallOptions, call, openClient, type Target } from "./raw-client.ts";
import { makeTempDir, removeDir } from "./temp-dir.ts";
import type { Wire } from "./wire.ts";

export interface ServerOptions {
  /** Keys over {@link TEST_DEFAULTS}; a null takes a default of the tests out again. */
  readonly config?: Json;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Authority of the listener's certificate: the calls of the tests speak TLS. */
  readonly ca?: string;
  /** Certificate that the calls of the tests show. */
  readonly client?: Target["client"];
}

/** What most tests want: loopback, a free port, quiet probes, no limit in the way, lines that can be parsed. */
export const TEST_DEFAULTS: Json = {
  host: "127.0.0.1",
  port: 0,
  workers: 2,
  proxy_endpoints: ["/"],
  rate_limit_per_minute: 0,
  health_check_enabled: false,
  json_logging: true,
};

export class TestServer implements AsyncDisposable {
  readonly dir: string;
  readonly #options: ServerOptions;
  #config: Json;
  #child: Child;
  #port = 0;

  private constructor(options: ServerOptions, dir: string) {
    this.#options = options;
    this.dir = dir;
    this.#config = { ...TEST_DEFAULTS, ...options.config };
    this.#child = this.#spawn();
  }

  /** Starts a server and resolves once it has said that it listens and answers `GET /health`. */
  static async start(options: ServerOptions = {}): Promise<TestServer> {
    const server = new TestServer(options, makeTempDir());
    try {
      await server.#ready();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  get child(): Child {
    return this.#child;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http${this.#options.ca === undefined ? "" : "s"}://127.0.0.1:${this.#port}`;
  }

  get target(): Target {
    const { ca, client } = this.#options;
    const host = this.#config.host === "::1" ? "::1" : "127.0.0.1";
    return {
      port: this.#port,
      host,
      ...(ca !== undefined && { ca }),
      ...(client !== undefined && { client }),
    };
  }

  /** Sends one request on a connection of its own. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer> {
    return call(this.target, method, path, options);
  }

  open(): Promise<Wire> {
    return openClient(this.target);
  }

  /** The log so far as objects; a line that is not JSON fails. */
  logs(): Json[] {
    return this.#child.lines.map((line) => record(JSON.parse(line) as unknown));
  }

  /** Waits for a log line whose object satisfies `probe`. */
  log(what: string, probe: (entry: Json) => boolean, withinMs?: number): Promise<Json> {
    return this.#child.line(
      what,
      (line) => {
        const entry = record(JSON.parse(line) as unknown);
        return probe(entry) ? entry : null;
      },
      withinMs,
    );
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Finished> {
    this.#child.kill(signal);
    return this.#child.finished();
  }

  /** Ends the process as a power cut would. */
  async killHard(): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }

  /** Starts the program again in the same directory and on the same port. */
  async restart(config: Json = {}): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
    this.#config = { ...this.#config, ...config, port: this.#port };
    this.#child = this.#spawn();
    await this.#ready();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
    removeDir(this.dir);
  }

  #spawn(): Child {
    const config = Object.fromEntries(Object.entries(this.#config).filter(([, value]) => value !== null));
    writeFileSync(join(this.dir, "server.yml"), stringify(config));
    const command = [...commandOf("server"), "-config", "server.yml", ...(this.#options.args ?? [])];
    return new Child({ command, cwd: this.dir, ...(this.#options.env && { env: this.#options.env }) });
  }

  async #ready(): Promise<void> {
    this.#port = await this.#boundPort();
    const path = "/health";
    const adminPort = this.#adminPort;
    if (adminPort !== null) {
      const admin = { ...this.target, port: adminPort };
      await eventually(`GET ${path} on the admin port`, async () => {
        return (await call(admin, "GET", path)).status === 200;
      });
      return;
    }
    const answer = await this.call("GET", path);
    if (answer.status !== 200) throw new Error(`GET ${path} answered ${answer.status}: ${answer.text}`);
  }

  /** The port of management alone; null when it is on the public one. */
  get #adminPort(): number | null {
    const { admin_port: port } = this.#config;
    return typeof port === "number" && port !== 0 ? port : null;
  }

  /** The port that the log names; without log lines at this level, the one that the process has bound. */
  #boundPort(): Promise<number> {
    const level = this.#config.log_level;
    const isOnStdout = (this.#config.log_file ?? "") === "";
    if (isOnStdout && (level === undefined || level === "info" || level === "debug")) {
      return this.#child.line("line that names the port", portOf);
    }
    const isPublic = (port: number): boolean => port !== this.#adminPort;
    return eventually(
      "a bound port",
      () => this.#child.running && this.#child.listeningPorts().find(isPublic),
    );
  }
}

/** Finds the bound port in the line that says where the server listens, in either form of the log. */
function portOf(line: string): number | null {
  const match = /"listen":"[^"]*:(\d+)"|\blisten="?\S*?:(\d+)"?(?:\s|$)/.exec(line);
  return match === null ? null : Number(match[1] ?? match[2]);
}

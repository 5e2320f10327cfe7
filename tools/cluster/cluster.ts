/** A small real cluster on loopback: one server, three sample backends, an agent beside each. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { repositoryRoot } from "../process.ts";
import { Child } from "./child.ts";

interface Site {
  readonly name: string;
  readonly delayMs: number;
  readonly latitude: number;
  readonly longitude: number;
  readonly city: string;
  readonly country: string;
}

const SITES: readonly Site[] = [
  { name: "fast", delayMs: 2, latitude: 50.11, longitude: 8.68, city: "Frankfurt", country: "Germany" },
  { name: "medium", delayMs: 20, latitude: 39.04, longitude: -77.49, city: "Ashburn", country: "USA" },
  { name: "slow", delayMs: 60, latitude: 35.68, longitude: 139.69, city: "Tokyo", country: "Japan" },
];

/** How long agents and server get to end by themselves, in milliseconds. */
const STOP_MS = 10_000;
const READY_MS = 60_000;
const POLL_MS = 100;

/** Access lines of the agents' reports, and of what is asked here until the cluster is ready. */
const REPORT_LINE = / \[access\] POST \/stats 200 /;
const POLL_LINE = / \[access\] GET \/(?:health|ready|clients) /;

/** The port that `npm start` takes unless it is told another. */
export const DEFAULT_PORT = 8080;

/** Gives where a cluster keeps its state; those on other ports than the usual one have places of their own. */
export function dataDirectory(port: number): string {
  const data = join(repositoryRoot(), "data");
  return port === DEFAULT_PORT ? data : join(data, `port-${port}`);
}

export class Cluster {
  readonly #url: string;
  readonly #port: number;
  readonly #agents: Child[] = [];
  readonly #backends: Child[] = [];
  #server: Child | null = null;
  #stopping = false;
  /** Requests of our own whose access line has not come yet. */
  #polls = 0;
  #serverCode: number | null = null;
  readonly #onServerExit: (code: number) => void;

  /** `onServerExit` is called when the server ends although nobody asked it to. */
  constructor(port: number, onServerExit: (code: number) => void) {
    this.#port = port;
    this.#url = `http://127.0.0.1:${port}`;
    this.#onServerExit = onServerExit;
  }

  /** Starts everything; resolves once every backend takes requests, and throws when that does not come about. */
  async start(): Promise<void> {
    const data = dataDirectory(this.#port);
    mkdirSync(data, { recursive: true });
    const endpoints = await Promise.all(SITES.map((site) => this.#startBackend(site)));
    if (this.#stopping) return;
    this.#startServer(join(data, "opsen.db"));
    await this.#until(() => this.#answers("/health"));
    if (this.#stopping) return;
    for (const [index, site] of SITES.entries()) {
      this.#startAgent(site, endpoints[index] ?? "", join(data, "agents", String(index + 1)));
    }
    await this.#until(async () => (await this.#answers("/ready")) && (await this.#probed()) === SITES.length);
  }

  /** Ends agents (which take their leave of the server), then the server, then the backends. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await end(this.#agents);
    await end(this.#server === null ? [] : [this.#server]);
    await end(this.#backends);
  }

  /** Ends everything at once. */
  kill(): void {
    this.#stopping = true;
    for (const child of this.#children()) child.kill("SIGKILL");
  }

  async #startBackend(site: Site): Promise<string> {
    const backend = this.#spawn(`backend ${site.name}`, [
      "tools/sample-backend.ts",
      site.name,
      `${site.delayMs}`,
    ]);
    this.#backends.push(backend);
    const line = await Promise.race([backend.firstLine, backend.exited]);
    const url = /http:\S+/.exec(String(line))?.[0];
    if (url === undefined) throw new Error(`the sample backend ${site.name} could not be started`);
    return url;
  }

  #startServer(database: string): void {
    const flags = ["-config", "tools/cluster/server.yml", "-port", `${this.#port}`, "-db", database];
    this.#server = this.#spawn("server", ["server/main.ts", ...flags], (code) => {
      this.#serverCode = code;
      if (!this.#stopping) this.#onServerExit(code);
    });
  }

  #startAgent(site: Site, endpointUrl: string, stateDir: string): void {
    const { name, latitude, longitude, city, country } = site;
    const config = {
      server_url: this.#url,
      client_id: name,
      hostname: `${name}.example`,
      endpoint_url: endpointUrl,
      state_dir: stateDir,
      window_minutes: 1,
      report_interval_seconds: 2,
      latitude,
      longitude,
      city,
      country,
      log_level: "warn",
    };
    mkdirSync(stateDir, { recursive: true });
    const file = join(stateDir, "client.yml");
    writeFileSync(file, stringify(config));
    this.#agents.push(this.#spawn(`agent ${name}`, ["client/main.ts", "-config", file]));
  }

  #spawn(name: string, args: readonly string[], onExit: (code: number) => void = () => undefined): Child {
    return new Child({
      name,
      isNoise: (line) => this.#isNoise(line),
      command: [process.execPath, "--no-env-file", ...args],
      cwd: repositoryRoot(),
      onExit: (code) => {
        if (!this.#stopping) console.error(`The ${name} process has ended with code ${code}.`);
        onExit(code);
      },
    });
  }

  async #until(condition: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + READY_MS;
    while (!this.#stopping && !(await condition())) {
      if (this.#serverCode !== null) throw new Error("the server did not start; its last lines say why");
      if (performance.now() > deadline) {
        throw new Error(
          `not every backend took requests within ${READY_MS / 1000} s; the lines above may say why`,
        );
      }
      await Bun.sleep(POLL_MS);
    }
  }

  /** Tells whether a GET succeeds; it does not while the server is not up. */
  async #answers(path: string): Promise<boolean> {
    const response = await this.#get(path).catch(() => null);
    return response?.ok === true;
  }

  /** Counts the backends that take requests and whose speed is known. */
  async #probed(): Promise<number> {
    const clients: unknown = await (await this.#get("/clients")).json();
    return Array.isArray(clients) ? clients.filter(isProbed).length : 0;
  }

  async #get(path: string): Promise<Response> {
    const response = await fetch(this.#url + path);
    this.#polls++;
    return response;
  }

  #isNoise(line: string): boolean {
    if (REPORT_LINE.test(line)) return true;
    if (this.#polls === 0 || !POLL_LINE.test(line)) return false;
    this.#polls--;
    return true;
  }

  #children(): readonly Child[] {
    return [...this.#agents, ...(this.#server === null ? [] : [this.#server]), ...this.#backends];
  }
}

function isProbed(client: unknown): boolean {
  if (typeof client !== "object" || client === null) return false;
  return (
    "routable" in client &&
    client.routable === true &&
    "health_status" in client &&
    client.health_status === "healthy"
  );
}

async function end(children: readonly Child[]): Promise<void> {
  for (const child of children) child.kill("SIGTERM");
  const all = Promise.all(children.map((child) => child.exited));
  const inTime = await Promise.race([all.then(() => true), Bun.sleep(STOP_MS).then(() => false)]);
  if (inTime) return;
  for (const child of children) child.kill("SIGKILL");
  await all;
}

/** Everything changes while requests come and WebSockets are open: nothing of it may be felt. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { type Json, record } from "../support/json.ts";
import { TestServer } from "../support/server.ts";
import { startBackend } from "./failover.ts";

export interface LiveChangeResult {
  readonly requests: number;
  readonly failed: number;
  /** What the failed ones met, each kind once. */
  readonly failures: readonly string[];
  readonly reloads: number;
  readonly edits: number;
  /** Changes that were not answered with success. */
  readonly refused: readonly string[];
  readonly sockets: number;
  /** WebSockets that were closed, and messages that did not come back. */
  readonly closed: number;
  readonly echoes: number;
}

export interface LiveChangeOptions {
  readonly requests: number;
  /** So many reloads and as many edits by calls, spread over the requests. */
  readonly changes: number;
  readonly sockets: number;
}

const CLIENTS = 32;

/** Sends requests and messages while the configuration file, backends and settings change. */
export async function liveChange(options: LiveChangeOptions): Promise<LiveChangeResult> {
  const backends = await Promise.all([startBackend(), startBackend(), startBackend(), startBackend()]);
  const urls = backends.map(({ port }) => `http://127.0.0.1:${port}`);
  await using server = await TestServer.start({
    config: {
      log_level: "warn",
      health_check_enabled: true,
      backends: urls.slice(0, 3).map((url, at) => ({ id: `b${at}`, url, tags: ["web"] })),
    },
  });
  const sockets = await Promise.all(Array.from({ length: options.sockets }, () => Echo.open(server.port)));
  const refused: string[] = [];
  const failures = new Set<string>();
  let sent = 0;
  let failed = 0;
  let changed = 0;
  const changer = new Changer(server, urls, refused);
  const changing = async (): Promise<void> => {
    while (changed < options.changes) {
      // In step with the requests, so that each change meets some.
      if (sent * options.changes < changed * options.requests) {
        await Bun.sleep(1);
        continue;
      }
      await changer.reload(changed);
      await changer.edit(changed);
      changed++;
      await Promise.all(sockets.map((socket) => socket.ping()));
    }
  };
  const client = async (): Promise<void> => {
    while (sent < options.requests) {
      sent++;
      try {
        const got = await fetch(`${server.url}/x`);
        const text = await got.text();
        if (got.status !== 200 || text !== "hello") {
          throw new Error(`${got.status} ${got.headers.get("x-opsen-error") ?? text}`);
        }
      } catch (error) {
        failed++;
        failures.add(error instanceof Error ? error.message : String(error));
      }
    }
  };
  await Promise.all([changing(), ...Array.from({ length: CLIENTS }, client)]);
  const closed = sockets.filter((socket) => socket.isClosed).length;
  const echoes = sockets.reduce((sum, socket) => sum + socket.echoes, 0);
  for (const socket of sockets) socket.end();
  for (const { child } of backends) await child[Symbol.asyncDispose]();
  return {
    requests: sent,
    failed,
    failures: [...failures],
    reloads: changer.reloads,
    edits: changer.edits,
    refused,
    sockets: sockets.length,
    closed,
    echoes,
  };
}

/** Makes one change after the other; each is valid. */
class Changer {
  readonly #server: TestServer;
  readonly #urls: readonly string[];
  readonly #refused: string[];
  reloads = 0;
  edits = 0;

  constructor(server: TestServer, urls: readonly string[], refused: string[]) {
    this.#server = server;
    this.#urls = urls;
    this.#refused = refused;
  }

  /** Writes another file and has it read: other weights, timeouts, breakers, and now and then a backend less. */
  async reload(turn: number): Promise<void> {
    const file = join(this.#server.dir, "server.yml");
    const before = record(parse(readFileSync(file, "utf8")) as unknown);
    const listed = this.#urls.slice(0, turn % 3 === 2 ? 2 : 3);
    const config: Json = {
      ...before,
      request_timeout_seconds: 20 + (turn % 10),
      breaker_failures: 5 + (turn % 5),
      tiers: [{ name: "lite" }, { name: `extra-${turn % 4}` }],
      backends: listed.map((url, at) => ({
        id: `b${at}`,
        url,
        weight: 1 + ((turn + at) % 3),
        tags: ["web"],
      })),
    };
    writeFileSync(file, stringify(config));
    await this.#call("POST", "/config/reload");
    this.reloads++;
  }

  async edit(turn: number): Promise<void> {
    const kinds: readonly (() => Promise<void>)[] = [
      () => this.#call("PATCH", "/config", { set: { strategy: STRATEGIES[turn % STRATEGIES.length] } }),
      () => this.#call("POST", "/backends", { id: "extra", url: this.#urls[3], weight: 2 }),
      () => this.#call("PATCH", "/backends/b0", { weight: 1 + (turn % 4), max_in_flight: 1000 + turn }),
      () => this.#call("POST", "/backends/b1/drain"),
      () => this.#call("POST", "/backends/b1/undrain"),
      () => this.#call("PATCH", "/config", { set: { health_check_interval_seconds: 5 + (turn % 5) } }),
      () => this.#call("DELETE", "/backends/extra"),
      () => this.#call("PATCH", "/config", { set: { workers: 2 + (turn % 2), retry_attempts: turn % 4 } }),
      () => this.#call("POST", "/config/undo"),
    ];
    await kinds[turn % kinds.length]?.();
    this.edits++;
  }

  async #call(method: string, path: string, body?: Json): Promise<void> {
    const answer = await this.#server.call(method, path, body === undefined ? {} : { json: body });
    if (answer.status >= 300) this.#refused.push(`${method} ${path}: ${answer.status} ${answer.text}`);
  }
}

const STRATEGIES = ["round_robin", "least_connections", "power_of_two", "ip_hash", "resource", "least_time"];

/** A WebSocket that sends small texts and waits for them to come back. */
class Echo {
  isClosed = false;
  echoes = 0;
  readonly #socket: WebSocket;
  #onMessage: () => void = () => {};

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", () => {
      this.echoes++;
      this.#onMessage();
    });
    socket.addEventListener("close", () => {
      this.isClosed = true;
      this.#onMessage();
    });
  }

  static open(port: number): Promise<Echo> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    return new Promise((resolve, reject) => {
      socket.addEventListener("open", () => resolve(new Echo(socket)));
      socket.addEventListener("error", () => reject(new Error("no WebSocket")));
    });
  }

  ping(): Promise<void> {
    if (this.isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onMessage = resolve;
      this.#socket.send("ping");
    });
  }

  end(): void {
    this.#socket.close();
  }
}

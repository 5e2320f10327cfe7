/** Starts real agents. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { Child, type Finished } from "./child.ts";
import { commandOf } from "./executables.ts";
import { type Json, record } from "./json.ts";
import { makeTempDir, removeDir } from "./temp-dir.ts";

export interface AgentOptions {
  readonly config: Json;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export class TestAgent implements AsyncDisposable {
  readonly dir = makeTempDir();
  readonly #options: AgentOptions;
  #child: Child;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#child = this.#spawn();
  }

  get child(): Child {
    return this.#child;
  }

  logs(): Json[] {
    return this.#child.lines.map((line) => record(JSON.parse(line) as unknown));
  }

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

  async killHard(): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }

  /** Starts the program again in the same directory. */
  async restart(): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
    this.#child = this.#spawn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
    removeDir(this.dir);
  }

  #spawn(): Child {
    const config = {
      report_interval_seconds: 1,
      skip_geolocation: true,
      json_logging: true,
      state_dir: this.dir,
      ...this.#options.config,
    };
    writeFileSync(join(this.dir, "client.yml"), stringify(config));
    const command = [...commandOf("client"), "-config", "client.yml", ...(this.#options.args ?? [])];
    return new Child({ command, cwd: this.dir, ...(this.#options.env && { env: this.#options.env }) });
  }
}

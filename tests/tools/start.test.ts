import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { dataDirectory } from "../../tools/cluster/cluster.ts";
import { repositoryRoot, run } from "../../tools/process.ts";

/** `npm start` as a newcomer runs it, but for the port. */
class Start {
  readonly port: number;
  output = "";
  readonly #process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  #onOutput: () => void = () => undefined;

  constructor(port: number, args: readonly string[] = []) {
    this.port = port;
    this.#process = Bun.spawn(["node", "tools/with-bun.mjs", "tools/start.ts", ...args], {
      cwd: repositoryRoot(),
      env: { ...process.env, OPSEN_START_PORT: String(port) },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) void this.#collect(stream);
  }

  get exited(): Promise<number> {
    return this.#process.exited;
  }

  kill(signal: "SIGINT" | "SIGTERM" | "SIGKILL"): void {
    this.#process.kill(signal);
  }

  /** Resolves once the output holds the text; throws when the process ends before. */
  async shows(text: string): Promise<void> {
    const ended = this.exited.then(() => {
      if (!this.output.includes(text))
        throw new Error(`ended without ${JSON.stringify(text)}:\n${this.output}`);
    });
    const shown = new Promise<void>((resolve) => {
      this.#onOutput = () => {
        if (this.output.includes(text)) resolve();
      };
      this.#onOutput();
    });
    await Promise.race([shown, ended]);
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.output += decoder.decode(chunk, { stream: true });
      this.#onOutput();
    }
  }
}

const start = new Start(freePort());

beforeAll(() => start.shows("npm start -- -config my.yml\n"), 90_000);

afterAll(async () => {
  start.kill("SIGKILL");
  await start.exited;
  rmSync(dataDirectory(start.port), { recursive: true, force: true });
});

test("everything that it says to try works as it stands", async () => {
  const commands = [...start.output.matchAll(/^ {2}((?:curl|for) .+)$/gm)].map(([, command = ""]) => command);
  expect(commands.length).toBeGreaterThanOrEqual(7);
  // One after the other, as a person would: at the same time there may not be room for all.
  const outputs: { code: number; output: string }[] = [];
  for (const command of commands) {
    outputs.push(await run(["bash", "-c", command.replace("curl ", "curl -fsS ")]));
  }
  for (const [index, { code, output }] of outputs.entries()) {
    expect(`${code} ${commands[index]} ${output}`).toStartWith("0 ");
    expect(output).toMatch(/backend|client_id|data:/);
  }
  const tokyo = outputs[commands.findIndex((command) => command.includes('"client_lon"'))];
  expect(JSON.parse(tokyo?.output ?? "")).toMatchObject({ backend: "slow", method: "POST" });
});

test("the console is where it says", async () => {
  const [, url = ""] = /^ {2}(http:.+\/console)$/m.exec(start.output) ?? [];
  const answer = await fetch(url);
  expect(answer.status).toBe(200);
  expect(await answer.text()).toContain("<title>");
});

test("the database and the state of the agents are where it says", () => {
  const data = dataDirectory(start.port);
  for (const path of ["opsen.db", "agents/1", "agents/2", "agents/3"])
    expect(existsSync(join(data, path))).toBe(true);
});

test("a port that is taken is said, with the way out", async () => {
  const second = new Start(start.port);
  expect(await second.exited).toBe(1);
  expect(second.output).toContain(`Port ${start.port} is taken.`);
  expect(second.output).toContain("OPSEN_START_PORT=");
});

test("arguments go to the server, which runs alone and gets the signals", async () => {
  const alone = new Start(0, ["-check", "-config", "tools/cluster/server.yml"]);
  expect(await alone.exited).toBe(0);
  const wrong = new Start(0, ["-config", "nowhere.yml"]);
  expect(await wrong.exited).toBe(1);
  expect(wrong.output).toContain("nowhere.yml");
});

test("one signal stops all of it in order", async () => {
  start.kill("SIGINT");
  expect(await start.exited).toBe(0);
  expect(start.output).toContain("Stopping ...");
  // The agents took their leave before the server went.
  expect(start.output).toMatch(/backend removed[\s\S]*shutting down/);
  expect(start.output).not.toContain("process has ended");
  expect(await fetch(`http://127.0.0.1:${start.port}/health`).catch(() => "refused")).toBe("refused");
});

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

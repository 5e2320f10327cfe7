/** `opsen-server top` in a terminal: keys, size, signals, and the terminal as it was at the end. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { commandOf } from "../support/executables.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { TestServer } from "../support/server.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";

const BACKENDS = 120;
/** Each picture is a call or two, of a server that shares its machine with other tests. */
const PATIENCE_MS = 20_000;
const ESC = "\x1b";
const ENTER = "\x1b[?1049h";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";

let server: TestServer;
let dir = "";

beforeAll(async () => {
  dir = makeTempDir();
  server = await TestServer.start();
  for (let index = 0; index < BACKENDS; index++) {
    const id = `node-${String(index).padStart(3, "0")}`;
    await FakeAgent.join(server, { id, cpu: index % 100, endpoint: "http://127.0.0.1:9" });
  }
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  removeDir(dir);
});

/** `top` with a pseudo terminal as its own, and what it has written there. */
class Screen implements AsyncDisposable {
  readonly #process: Bun.Subprocess;
  readonly #decoder = new TextDecoder();
  written = "";

  constructor(columns: number, lines: number) {
    this.#process = Bun.spawn([...commandOf("server"), "top", "--interval", "0.2", "--server", server.url], {
      cwd: dir,
      env: { ...process.env, LANG: "C.UTF-8", TERM: "xterm-256color" },
      terminal: {
        cols: columns,
        rows: lines,
        data: (_, data) => {
          this.written += this.#decoder.decode(data, { stream: true });
        },
      },
    });
  }

  type(keys: string): void {
    this.#process.terminal?.write(keys);
  }

  resize(columns: number, lines: number): void {
    this.#process.terminal?.resize(columns, lines);
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  get exited(): Promise<number> {
    return this.#process.exited;
  }

  /** The screen's lines as a terminal would show them; it knows the few sequences that are used. */
  lines(): string[] {
    const from = this.written.lastIndexOf(ENTER);
    const shown: string[] = [];
    let row = 0;
    const parts = new RegExp(`${ESC}\\[(\\d+);1H|${ESC}\\[[0-9;?]*[a-zA-Z]|([^${ESC}]+)`, "g");
    for (const [, to, text] of this.written.slice(Math.max(0, from)).matchAll(parts)) {
      if (to !== undefined) {
        row = Number(to) - 1;
        shown[row] = "";
      } else if (text !== undefined) shown[row] = (shown[row] ?? "") + text;
    }
    return Array.from(shown, (line) => line ?? "");
  }

  async shows(what: string, probe: (lines: readonly string[]) => boolean): Promise<void> {
    try {
      await eventually(what, () => probe(this.lines()), PATIENCE_MS);
    } catch (error) {
      throw new Error(`${String(error)}\n${this.lines().join("\n")}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }
}

test("a list longer than the screen is scrolled and sorted, and q ends it", async () => {
  await using screen = new Screen(80, 24);
  await screen.shows("the first page", (lines) => lines[4]?.startsWith("node-000") === true);
  expect(screen.lines()).toHaveLength(24);
  expect(screen.lines()[23]).toContain(`1-19 of ${BACKENDS}`);
  screen.type("\x1b[B");
  await screen.shows("the next row", (lines) => lines[4]?.startsWith("node-001") === true);
  screen.type("\x1b[F");
  await screen.shows("the end", (lines) => lines[22]?.startsWith("node-119") === true);
  screen.type("\x1b[H");
  await screen.shows("the beginning", (lines) => lines[4]?.startsWith("node-000") === true);
  screen.type("c");
  await screen.shows("most CPU first", (lines) => lines[4]?.startsWith("node-099") === true);
  screen.type("R");
  await screen.shows("least CPU first", (lines) => lines[4]?.startsWith("node-000") === true);
  screen.type("q");
  expect(await screen.exited).toBe(0);
  expect(screen.written).toEndWith(LEAVE);
});

test("the picture follows the size of the terminal, and what has not changed is not drawn again", async () => {
  await using screen = new Screen(80, 24);
  await screen.shows("rates", (lines) => lines[2]?.includes("requests/s") === true);
  screen.resize(132, 50);
  await screen.shows(
    "fifty lines",
    (lines) => lines.length === 50 && lines[49]?.includes(`1-45 of ${BACKENDS}`) === true,
  );
  expect(Bun.stringWidth(screen.lines()[3] ?? "")).toBe(132);
  const drawn = screen.written.length;
  screen.type("j");
  await screen.shows("the next row", (lines) => lines[4]?.startsWith("node-001") === true);
  screen.type("k");
  await screen.shows("the first row", (lines) => lines[4]?.startsWith("node-000") === true);
  // The counts stay as they are.
  expect(screen.written.slice(drawn)).not.toContain(`${BACKENDS} backends`);
  screen.resize(20, 5);
  await screen.shows("a tiny screen", (lines) =>
    lines.slice(0, 5).every((line) => Bun.stringWidth(line) <= 20),
  );
  screen.type("\x03");
  expect(await screen.exited).toBe(0);
});

test.each([
  ["SIGTERM", 143],
  ["SIGHUP", 129],
  ["SIGINT", 130],
] as const)("%s gives the terminal back", async (signal, code) => {
  await using screen = new Screen(80, 24);
  await screen.shows("a picture", (lines) => lines.length === 24);
  screen.kill(signal);
  expect(await screen.exited).toBe(code);
  expect(screen.written).toEndWith(LEAVE);
});

test("a server that goes away is said on the screen, and its return is seen", async () => {
  await using own = await TestServer.start();
  const command = [...commandOf("server"), "top", "--interval", "0.2", "--server", own.url];
  let written = "";
  const child = Bun.spawn(command, {
    cwd: dir,
    env: { ...process.env, LANG: "C.UTF-8" },
    terminal: {
      cols: 100,
      rows: 24,
      data: (_, data) => {
        written += new TextDecoder().decode(data);
      },
    },
  });
  await eventually("a picture", () => written.includes("0 backends"), PATIENCE_MS);
  await own.killHard();
  await eventually("the trouble", () => written.includes("cannot reach"), PATIENCE_MS);
  const before = written.length;
  await own.restart();
  await eventually("rates again", () => written.slice(before).includes("requests/s"), PATIENCE_MS);
  child.terminal?.write("q");
  expect(await child.exited).toBe(0);
});

test("the terminal's settings are those of before, seen by stty, after q and after a signal", async () => {
  const top = [...commandOf("server"), "top", "--server", server.url].map((word) => `'${word}'`).join(" ");
  for (const [name, keys, end] of [
    ["q", "q", ""],
    ["term", "", "TERM"],
  ] as const) {
    const out = (file: string): string => join(dir, `${name}.${file}`);
    const kill = end === "" ? "" : `kill -${end} $pid;`;
    writeFileSync(
      out("sh"),
      [
        // A shell gives a job in the background another input than its own, unless told.
        "exec 3<&0",
        "stty rows 24 cols 80",
        `stty -a > ${out("before")}`,
        `${top} <&3 & pid=$!`,
        `while ! stty -a | grep -q -e -icanon; do sleep 0.1; done; touch ${out("during")}; ${kill}`,
        `wait $pid; stty -a > ${out("after")}; touch ${out("done")}`,
      ].join("\n"),
    );
    const child = Bun.spawn(["script", "-qec", `sh ${out("sh")}`, "/dev/null"], {
      cwd: dir,
      env: { ...process.env, LANG: "C.UTF-8" },
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
    });
    await eventually("raw settings", () => existsSync(out("during")), PATIENCE_MS);
    if (keys !== "") {
      void child.stdin.write(keys);
      void child.stdin.flush();
    }
    await eventually("the end", () => existsSync(out("done")), PATIENCE_MS);
    expect(readFileSync(out("after"), "utf8")).toBe(readFileSync(out("before"), "utf8"));
    void child.stdin.end();
    await child.exited;
  }
});

/** A child process of a test: its lines as they come, its exit, its memory and processor time. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface ChildOptions {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const KILL_AFTER_MS = 20_000;
/** Learns the ids of living children from its input, and kills them when that ends: a crashed test run leaves none. */
const WARDEN =
  '{ if ($1 < 0) delete ids[-$1]; else ids[$1] = 1 } END { for (id in ids) system("kill -9 " id) }';
/** USER_HZ, fixed at 100 by the kernel's interface to user space. */
const TICKS_PER_SECOND = 100;

export class Child implements AsyncDisposable {
  /** Lines of stdout so far, in order. */
  readonly lines: string[] = [];
  readonly errorLines: string[] = [];
  readonly #process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #drained: Promise<unknown>;
  #waiters: (() => void)[] = [];
  #ended = false;

  constructor(options: ChildOptions) {
    this.#process = Bun.spawn([...options.command], {
      cwd: options.cwd,
      env: { ...cleanEnvironment(), ...options.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    tellWarden(this.#process.pid);
    this.#drained = Promise.all([
      this.#read(this.#process.stdout, this.lines),
      this.#read(this.#process.stderr, this.errorLines),
      this.#process.exited,
    ]).then(() => {
      this.#ended = true;
      tellWarden(-this.#process.pid);
      this.#wake();
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  get running(): boolean {
    return !this.#ended;
  }

  /** Everything printed so far, for messages of failures. */
  get output(): string {
    return [...this.lines, ...this.errorLines].join("\n");
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Waits for the end; kills and fails when it does not come. */
  async finished(withinMs = KILL_AFTER_MS): Promise<Finished> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#process.kill("SIGKILL");
    }, withinMs);
    await this.#drained;
    clearTimeout(timer);
    if (isLate) throw new Error(`the process did not end within ${withinMs} ms:\n${this.output}`);
    const isKilled = this.#process.signalCode === "SIGKILL";
    const code = isKilled ? 137 : (this.#process.exitCode ?? -1);
    return { code, stdout: this.lines.join("\n"), stderr: this.errorLines.join("\n") };
  }

  /** Waits for a line of stdout for which `probe` gives something; lines already there count, from `from` on. */
  async line<T>(what: string, probe: (line: string) => T | null, withinMs = 15_000, from = 0): Promise<T> {
    const deadline = performance.now() + withinMs;
    for (let at = from; ; ) {
      for (; at < this.lines.length; at++) {
        const found = probe(this.lines[at] ?? "");
        if (found !== null) return found;
      }
      const left = deadline - performance.now();
      if (this.#ended) throw new Error(`the process ended before ${what}:\n${this.output}`);
      if (left <= 0) throw new Error(`no ${what} within ${withinMs} ms:\n${this.output}`);
      await this.#change(left);
    }
  }

  /** Resident memory in bytes (Linux). */
  rssBytes(): number {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"));
    if (match === null) throw new Error("no VmRSS");
    return Number(match[1]) * 1024;
  }

  /** Processor time used so far, user and system (Linux). */
  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, "utf8");
    // The second field is the name in parentheses; utime and stime are fields 14 and 15 of proc(5).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** Ports on which the process listens over TCP (Linux). */
  listeningPorts(): number[] {
    const inodes = new Set<string>();
    for (const fd of readdirSync(`/proc/${this.pid}/fd`)) {
      try {
        const match = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${this.pid}/fd/${fd}`));
        if (match?.[1] !== undefined) inodes.add(match[1]);
      } catch {
        // The descriptor was closed since the listing.
      }
    }
    const ports = new Set<number>();
    for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n")) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] === "0A" && inodes.has(fields[9] ?? "")) {
        ports.add(Number.parseInt(fields[1]?.split(":")[1] ?? "0", 16));
      }
    }
    return [...ports];
  }

  /** Open descriptors (Linux). */
  openFiles(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.#process.kill("SIGKILL");
    await this.#drained;
  }

  async #read(stream: ReadableStream<Uint8Array>, into: string[]): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const part of stream) {
      const pieces = (rest + decoder.decode(part, { stream: true })).split("\n");
      rest = pieces.pop() ?? "";
      into.push(...pieces);
      this.#wake();
    }
    if (rest !== "") into.push(rest);
    this.#wake();
  }

  #change(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #wake(): void {
    for (const each of this.#waiters.splice(0)) each();
  }
}

const warden: { input: Bun.FileSink | null } = { input: null };

function tellWarden(id: number): void {
  if (process.platform === "win32") return;
  if (warden.input === null) {
    const keeper = Bun.spawn(["awk", WARDEN], { stdin: "pipe", stdout: "ignore", stderr: "ignore" });
    keeper.unref();
    warden.input = keeper.stdin;
  }
  void warden.input.write(`${id}\n`);
  void warden.input.flush();
}

/** The environment without what the executables would read as their own settings. */
function cleanEnvironment(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value === undefined || /^(?:OPSEN_|BUN_|STATE_DIRECTORY$|NODE_)/.test(name)) continue;
    kept[name] = value;
  }
  return kept;
}

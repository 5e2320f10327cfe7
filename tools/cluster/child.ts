/** One process of the sample cluster, with its output under its name. */

export interface ChildOptions {
  /** Stands before each line that the process writes. */
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string;
  /** Tells which lines to leave out. */
  readonly isNoise?: (line: string) => boolean;
  /** Called once, with the code, when the process ends, whoever ended it. */
  readonly onExit: (code: number) => void;
}

export class Child {
  readonly name: string;
  readonly exited: Promise<number>;
  readonly #process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #isNoise: (line: string) => boolean;
  #firstLine: ((line: string) => void) | null = null;

  /** Resolves with the first line that the process writes to its standard output. */
  readonly firstLine: Promise<string>;

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#isNoise = options.isNoise ?? (() => false);
    this.firstLine = new Promise((resolve) => {
      this.#firstLine = resolve;
    });
    this.#process = Bun.spawn([...options.command], {
      cwd: options.cwd,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    void this.#relay(this.#process.stdout);
    void this.#relay(this.#process.stderr);
    this.exited = this.#process.exited;
    void this.exited.then(options.onExit);
  }

  kill(signal: "SIGTERM" | "SIGKILL"): void {
    this.#process.kill(signal);
  }

  async #relay(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#line(line);
    }
    if (rest !== "") this.#line(rest);
  }

  #line(line: string): void {
    this.#firstLine?.(line);
    this.#firstLine = null;
    if (!this.#isNoise(line)) console.log(`${this.name.padEnd(15)}| ${line}`);
  }
}

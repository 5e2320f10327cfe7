import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { Child } from "./child.ts";

/** More than any backlog that a runtime asks the kernel for. */
const FILLERS = 600;

/** An address that answers no SYN: a listener that was stopped, its queue of connections full. */
export class BlackHole implements AsyncDisposable {
  readonly port: number;
  readonly #child: Child;
  readonly #fillers: readonly Socket[];

  private constructor(port: number, child: Child, fillers: readonly Socket[]) {
    this.port = port;
    this.#child = child;
    this.#fillers = fillers;
  }

  static async open(): Promise<BlackHole> {
    const command = [process.execPath, join(import.meta.dir, "deaf-listener.ts")];
    const child = new Child({ command, cwd: import.meta.dir });
    const port = Number(await child.line("the port", (line) => line));
    child.kill("SIGSTOP");
    const fillers = Array.from({ length: FILLERS }, () => connect(port, "127.0.0.1").on("error", () => {}));
    // Full once one of them is not connected while others are.
    let connected = 0;
    for (const socket of fillers) socket.on("connect", () => connected++);
    for (let before = -1; before !== connected; await Bun.sleep(100)) before = connected;
    if (connected === 0 || connected === FILLERS) throw new Error(`${connected} connections were accepted`);
    return new BlackHole(port, child, fillers);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#fillers) socket.destroy();
    await this.#child[Symbol.asyncDispose]();
  }
}

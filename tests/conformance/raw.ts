/** The raw client of these tests: octets out, octets in as latin1 text, and waits for conditions on them. */
import { connect, type Socket } from "node:net";

const WRITE_DEADLINE_MS = 5000;
const CLOSE_DEADLINE_MS = 1000;

export type Ending = "fin" | "reset";

export class RawClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #opened: Promise<void>;
  #got = "";
  #ending: Ending | null = null;
  #wake: (() => void) | null = null;

  private constructor(port: number, host: string) {
    this.#socket = connect({ port, host, allowHalfOpen: true, noDelay: true });
    this.#opened = new Promise((resolve, reject) => {
      this.#socket.once("connect", resolve);
      this.#socket.once("error", reject);
    });
    this.#socket.on("data", (data: Buffer) => {
      this.#got += data.toString("latin1");
      this.#wake?.();
    });
    this.#socket.on("end", () => this.#end("fin"));
    this.#socket.on("error", () => this.#end("reset"));
    this.#socket.on("close", () => this.#end("fin"));
  }

  static async open(port: number, host = "127.0.0.1"): Promise<RawClient> {
    const client = new RawClient(port, host);
    await client.#opened;
    return client;
  }

  /** Every octet received. */
  get got(): string {
    return this.#got;
  }

  /** How the peer ended the connection; null while it has not. */
  get ending(): Ending | null {
    return this.#ending;
  }

  /** Writes and resolves once the kernel has the octets, the connection is gone, or nobody has read for too long. */
  send(octets: string): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed || !this.#socket.writable) return resolve();
      const timer = setTimeout(resolve, WRITE_DEADLINE_MS);
      this.#socket.write(octets, "latin1", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Writes each piece as a segment of its own; a text is as many pieces as it has octets. */
  async sendSegments(pieces: Iterable<string>): Promise<void> {
    for (const piece of pieces) {
      await this.send(piece);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  finish(): void {
    this.#socket.end();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Stops reading, so that the peer meets back-pressure. */
  pause(): void {
    this.#socket.pause();
  }

  /** Waits until the probe holds or the peer has ended; gives false after the deadline instead of failing. */
  async until(probe: () => boolean, deadlineMs = 4000): Promise<boolean> {
    const deadline = performance.now() + deadlineMs;
    while (!probe() && this.#ending === null) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.closed) return;
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    // A connection that was reset meanwhile does not always say so.
    const timer = setTimeout(resolve, CLOSE_DEADLINE_MS);
    this.#socket.once("close", () => resolve());
    this.#socket.destroy();
    await closed;
    clearTimeout(timer);
  }

  #end(how: Ending): void {
    this.#ending ??= how;
    this.#wake?.();
  }
}

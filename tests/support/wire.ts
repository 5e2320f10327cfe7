/** One TCP or TLS connection seen as octets: everything received is kept, and reads wait with a deadline. */
import type { Socket } from "node:net";
import { type RawHead, type RawMessage, type ReadContext, takeHead, takeMessage } from "./http-message.ts";

export const READ_DEADLINE_MS = 10_000;

/** How the peer ended the connection. */
export type Ending = "fin" | "reset";

export class Wire implements AsyncDisposable {
  /** Every octet received so far, consumed or not. */
  get log(): Buffer {
    return this.#join();
  }
  readonly #socket: Socket;
  readonly #parts: Buffer[] = [];
  #length = 0;
  #consumed = 0;
  #ending: Ending | null = null;
  #closed = false;
  #waiters: (() => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (data: Buffer) => {
      this.#parts.push(data);
      this.#length += data.length;
      this.#wake();
    });
    socket.on("end", () => this.#end("fin"));
    socket.on("error", () => this.#end("reset"));
    socket.on("close", () => {
      this.#closed = true;
      this.#end("fin");
      this.#wake();
    });
  }

  /** How the peer ended, or null while it has not. */
  get ending(): Ending | null {
    return this.#ending;
  }

  /** Octets received and not yet read. */
  get pending(): Buffer {
    return this.#join().subarray(this.#consumed);
  }

  get remotePort(): number {
    return this.#socket.remotePort ?? 0;
  }

  /** Writes and resolves once the kernel has the octets; text is latin1, one octet a character. */
  send(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data;
    return new Promise((resolve) => {
      if (this.#closed || this.#socket.destroyed) return resolve();
      this.#socket.write(bytes, () => resolve());
    });
  }

  /** Writes each piece as a segment of its own: the next goes out after the kernel has sent the last. */
  async sendSegments(segments: readonly (string | Uint8Array)[]): Promise<void> {
    for (const segment of segments) {
      await this.send(segment);
      // One turn of the event loop keeps two writes from being gathered into one.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Sends FIN; reading goes on. */
  finish(): void {
    this.#socket.end();
  }

  /** Sends RST. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  async readHead(deadlineMs = READ_DEADLINE_MS): Promise<RawHead> {
    return this.#take("a message head", deadlineMs, takeHead);
  }

  /** Reads a response, skipping none: an informational one is a response too. */
  async readResponse(method = "GET", deadlineMs = READ_DEADLINE_MS): Promise<RawMessage> {
    return this.#readMessage("a response", { kind: "response", method }, deadlineMs);
  }

  /** Reads a request, or gives null when the peer ended without beginning one. */
  async readRequest(deadlineMs = READ_DEADLINE_MS): Promise<RawMessage | null> {
    await this.#until("a request or the end", deadlineMs, () => this.#ending !== null || this.#rest() > 0);
    if (this.#rest() === 0) return null;
    return this.#readMessage("a request", { kind: "request" }, deadlineMs);
  }

  /** Reads up to and including a text (latin1) and gives it all back. */
  async readThrough(marker: string, deadlineMs = READ_DEADLINE_MS): Promise<string> {
    return this.#take(JSON.stringify(marker), deadlineMs, (buffer) => {
      const at = buffer.indexOf(marker, 0, "latin1");
      if (at < 0) return null;
      const consumed = at + Buffer.byteLength(marker, "latin1");
      return { message: buffer.toString("latin1", 0, consumed), consumed };
    });
  }

  async readBytes(count: number, deadlineMs = READ_DEADLINE_MS): Promise<Buffer> {
    return this.#take(`${count} octets`, deadlineMs, (buffer) =>
      buffer.length < count ? null : { message: buffer.subarray(0, count), consumed: count },
    );
  }

  /** Waits for the peer's end and gives back what came before it. */
  async readToEnd(deadlineMs = READ_DEADLINE_MS): Promise<Buffer> {
    await this.#until("the end of the connection", deadlineMs, () => this.#ending !== null);
    const rest = this.pending;
    this.#consumed = this.#length;
    return rest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#socket.destroy();
    await this.#until("the close", READ_DEADLINE_MS, () => this.#closed);
  }

  #readMessage(what: string, context: ReadContext, deadlineMs: number): Promise<RawMessage> {
    return this.#take(what, deadlineMs, (buffer) =>
      takeMessage(buffer, { ...context, ended: this.#ending === "fin" }),
    );
  }

  async #take<T>(
    what: string,
    deadlineMs: number,
    take: (buffer: Buffer) => { message: T; consumed: number } | null,
  ): Promise<T> {
    const found: T[] = [];
    await this.#until(what, deadlineMs, () => {
      const taken = take(this.pending);
      if (taken === null) {
        if (this.#ending === null) return false;
        throw new Error(`${what} was cut by ${this.#ending} after ${describe(this.pending)}`);
      }
      this.#consumed += taken.consumed;
      found.push(taken.message);
      return true;
    });
    const [message] = found;
    if (message === undefined) throw new Error(`no ${what}`);
    return message;
  }

  async #until(what: string, deadlineMs: number, probe: () => boolean): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    while (!probe()) {
      const left = deadline - performance.now();
      if (left <= 0) {
        throw new Error(`no ${what} within ${deadlineMs} ms; pending: ${describe(this.pending)}`);
      }
      await this.#change(left);
    }
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

  #end(how: Ending): void {
    this.#ending ??= how;
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const each of waiters) each();
  }

  #rest(): number {
    return this.#length - this.#consumed;
  }

  #join(): Buffer {
    if (this.#parts.length > 1) this.#parts.splice(0, this.#parts.length, Buffer.concat(this.#parts));
    return this.#parts[0] ?? Buffer.alloc(0);
  }
}

function describe(bytes: Buffer): string {
  const shown = bytes.toString("latin1", 0, 300);
  return `${bytes.length} octets ${JSON.stringify(shown)}`;
}

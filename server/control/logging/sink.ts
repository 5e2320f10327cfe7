/** The one writer of the log. Nothing waits for it: a reader or a disk that stalls costs lines, not requests. */
import type { Outlet } from "./outlet.ts";

/** Most bytes kept for a reader that does not keep up; about 40,000 access lines. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;
const MAX_WRITE_BYTES = 256 * 1024;

/** Writes lines to an outlet in order, asynchronously, with a bounded queue. */
export class LogSink {
  readonly #outlet: Outlet;
  readonly #notice: (dropped: number) => string;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #dropped = 0;
  #isWriting = false;
  #isClosed = false;
  #whenIdle: (() => void)[] = [];

  /** `notice` makes the line that tells how many were dropped, once there is room again. */
  constructor(outlet: Outlet, notice: (dropped: number) => string) {
    this.#outlet = outlet;
    this.#notice = notice;
  }

  /** Takes finished lines, each ending in a newline. */
  write(lines: string): void {
    if (this.#isClosed || lines === "") return;
    const bytes = Buffer.from(lines, "utf8");
    if (this.#queuedBytes + bytes.length > MAX_QUEUED_BYTES) {
      this.#dropped += countLines(bytes);
      return;
    }
    if (this.#dropped > 0) {
      const notice = Buffer.from(this.#notice(this.#dropped), "utf8");
      this.#dropped = 0;
      this.#push(notice);
    }
    this.#push(bytes);
    if (!this.#isWriting) this.#next();
  }

  /** Resolves when everything is written, the reader is gone, or the time is over. */
  async flush(withinMs: number): Promise<void> {
    if (!this.#isWriting) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      new Promise<void>((resolve) => this.#whenIdle.push(resolve)),
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs);
      }),
    ]);
    clearTimeout(timer);
  }

  /** Writes what is queued before returning; for a process that must end now. Gives up on a full pipe. */
  flushSync(): void {
    if (this.#isClosed) return;
    const rest = Buffer.concat(this.#queue);
    this.#queue = [];
    this.#queuedBytes = 0;
    try {
      if (rest.length > 0) this.#outlet.writeSync(rest);
    } catch {
      this.#isClosed = true;
    }
  }

  #push(bytes: Buffer): void {
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
  }

  #next(): void {
    const bytes = this.#takeBatch();
    if (bytes === null) {
      this.#becomeIdle();
      return;
    }
    this.#isWriting = true;
    this.#writeAll(bytes);
  }

  #writeAll(bytes: Buffer): void {
    this.#outlet.write(bytes).then(
      (written) => {
        this.#queuedBytes -= written;
        if (written < bytes.length) this.#writeAll(bytes.subarray(written));
        else this.#next();
      },
      (error: unknown) => this.#onError(error, bytes),
    );
  }

  #onError(error: unknown, bytes: Buffer): void {
    const retryMs = this.#outlet.retryMs(error);
    if (retryMs >= 0) {
      setTimeout(() => this.#writeAll(bytes), retryMs);
      return;
    }
    // EPIPE and its like: nobody reads any more. The server goes on without a log.
    this.#isClosed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#becomeIdle();
  }

  #becomeIdle(): void {
    this.#isWriting = false;
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }

  #takeBatch(): Buffer | null {
    const batch: Buffer[] = [];
    let size = 0;
    let taken = 0;
    for (const bytes of this.#queue) {
      if (size > 0 && size + bytes.length > MAX_WRITE_BYTES) break;
      batch.push(bytes);
      size += bytes.length;
      taken++;
    }
    if (taken === 0) return null;
    this.#queue = this.#queue.slice(taken);
    return batch.length === 1 && batch[0] !== undefined ? batch[0] : Buffer.concat(batch, size);
  }
}

function countLines(bytes: Buffer): number {
  let lines = 0;
  for (const byte of bytes) if (byte === 0x0a) lines++;
  return lines;
}

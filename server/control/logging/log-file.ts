import { writeSync } from "node:fs";
import { type FileHandle, mkdir, open, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { LOG_MODE, type OldLogRules, oldLogPath, tidyOldLogs } from "./old-logs.ts";
import { codeOf, type Outlet } from "./outlet.ts";

export interface LogFileOptions extends OldLogRules {
  readonly path: string;
  /** 0 = any size. */
  readonly maxBytes: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told in words when the log cannot be kept as it should; not for every line. */
  readonly onTrouble: (what: string, error: unknown) => void;
}

/** A disk that is full or gone is tried again after this. */
const RETRY_MS = 1000;
/** How often it is looked whether the path still leads to the open file. */
const LOOK_MS = 1000;
/** What could not be set aside is tried again after this, and trouble is told of as often. */
const PAUSE_MS = 60_000;

/**
 * The log as a file. Before a write that would make it too large, and when it has become too old, it is set aside; old
 * ones are compressed and deleted in the background. When the path does not lead to the open file any more, because
 * somebody else has moved it, the path is opened again.
 */
export class LogFile implements Outlet {
  readonly dropReason = "lines were dropped because the log file could not be written in time";
  readonly #options: LogFileOptions;
  #handle: FileHandle;
  #size = 0;
  #beganMs = 0;
  #lookedMs = 0;
  #rotatesFromMs = 0;
  #toldMs = Number.NEGATIVE_INFINITY;
  /** One write at a time, and nothing else beside it. */
  #last: Promise<number> = Promise.resolve(0);
  #isReopenDue = false;
  #tidying: Promise<void> | null = null;

  private constructor(options: LogFileOptions, handle: FileHandle) {
    this.#options = options;
    this.#handle = handle;
  }

  /** Opens the file, and makes its folder where there is none. Throws what the system says. */
  static async open(options: LogFileOptions): Promise<LogFile> {
    await mkdir(dirname(options.path), { recursive: true, mode: 0o750 });
    const file = new LogFile(options, await openLog(options.path));
    await file.#began();
    file.#tidy();
    return file;
  }

  write(bytes: Buffer): Promise<number> {
    const written = this.#last.then(() => this.#write(bytes));
    this.#last = written.catch(() => 0);
    return written;
  }

  writeSync(bytes: Buffer): void {
    writeSync(this.#handle.fd, bytes);
  }

  /** No error is the end: the disk may have room again, and until then the queue holds what it can. */
  retryMs(error: unknown): number {
    this.#tell("the log file cannot be written", error);
    return codeOf(error) === "EINTR" ? 0 : RETRY_MS;
  }

  /** Opens the path again, now or before the next write. */
  reopen(): void {
    if (this.#isReopenDue) return;
    this.#isReopenDue = true;
    // Whoever asks may wait for the old file to be let go, and there may be no next write for long.
    this.write(Buffer.alloc(0)).catch((error: unknown) => this.retryMs(error));
  }

  /** Resolves when no old log is being compressed. */
  async settled(): Promise<void> {
    await this.#tidying;
  }

  async close(): Promise<void> {
    await this.settled();
    await this.#handle.close();
  }

  async #write(bytes: Buffer): Promise<number> {
    await this.#prepare(bytes.length);
    if (bytes.length === 0) return 0;
    const { bytesWritten } = await this.#handle.write(bytes);
    this.#size += bytesWritten;
    return bytesWritten;
  }

  async #prepare(bytes: number): Promise<void> {
    const nowMs = this.#options.now();
    if (Math.abs(nowMs - this.#lookedMs) >= LOOK_MS) {
      this.#lookedMs = nowMs;
      this.#isReopenDue ||= !(await this.#isAtPath());
    }
    if (this.#isReopenDue) await this.#replace();
    else if (this.#isDue(bytes, nowMs)) await this.#rotate(nowMs);
  }

  #isDue(bytes: number, nowMs: number): boolean {
    if (this.#size === 0 || bytes === 0 || nowMs < this.#rotatesFromMs) return false;
    const { maxBytes, maxAgeMs } = this.#options;
    return (
      (maxBytes > 0 && this.#size + bytes > maxBytes) || (maxAgeMs > 0 && nowMs - this.#beganMs > maxAgeMs)
    );
  }

  /** Sets the file aside and begins a new one. When that fails, lines go on to where they went. */
  async #rotate(nowMs: number): Promise<void> {
    const { path } = this.#options;
    try {
      await rename(path, oldLogPath(path, nowMs));
      await this.#replace();
      this.#tidy();
    } catch (error) {
      this.#rotatesFromMs = nowMs + PAUSE_MS;
      this.#tell("the log file cannot be set aside and grows on", error);
    }
  }

  async #replace(): Promise<void> {
    const old = this.#handle;
    this.#handle = await openLog(this.#options.path);
    this.#isReopenDue = false;
    await this.#began();
    await old.close();
  }

  async #began(): Promise<void> {
    const { size, birthtimeMs, mtimeMs } = await this.#handle.stat();
    this.#size = size;
    // Not every file system knows when a file was made.
    this.#beganMs = size === 0 ? this.#options.now() : birthtimeMs > 0 ? birthtimeMs : mtimeMs;
  }

  async #isAtPath(): Promise<boolean> {
    try {
      const [there, ours] = await Promise.all([stat(this.#options.path), this.#handle.stat()]);
      return there.ino === ours.ino && there.dev === ours.dev;
    } catch (error) {
      return codeOf(error) !== "ENOENT";
    }
  }

  #tidy(): void {
    const before = this.#tidying ?? Promise.resolve();
    const tidying = before
      .then(() => tidyOldLogs(this.#options.path, this.#options, this.#options.now()))
      .catch((error: unknown) => this.#tell("old log files cannot be compressed or deleted", error))
      .finally(() => {
        if (this.#tidying === tidying) this.#tidying = null;
      });
    this.#tidying = tidying;
  }

  #tell(what: string, error: unknown): void {
    const nowMs = this.#options.now();
    if (nowMs - this.#toldMs < PAUSE_MS) return;
    this.#toldMs = nowMs;
    this.#options.onTrouble(what, error);
  }
}

async function openLog(path: string): Promise<FileHandle> {
  const handle = await open(path, "a", LOG_MODE);
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new Error("it is no regular file");
}

import { write, writeSync } from "node:fs";

/** Where finished lines go. It is given one write at a time. */
export interface Outlet {
  /** What the log says of lines that were dropped because it was too slow. */
  readonly dropReason: string;
  /** Writes some of the bytes; gives how many. */
  write(bytes: Buffer): Promise<number>;
  /** Writes before it returns; for a process that must end now. */
  writeSync(bytes: Buffer): void;
  /** After how many milliseconds the write that failed so is tried again; -1 = nobody will read any more. */
  retryMs(error: unknown): number;
}

/** A non-blocking pipe that is full is tried again after this. */
const PIPE_RETRY_MS = 20;

/** An open file descriptor, such as stdout. */
export class Descriptor implements Outlet {
  readonly dropReason = "lines were dropped because the reader of stdout did not keep up";
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(bytes: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      write(this.#fd, bytes, (error, written) => {
        if (error === null) resolve(written);
        else reject(error);
      });
    });
  }

  writeSync(bytes: Buffer): void {
    writeSync(this.#fd, bytes);
  }

  retryMs(error: unknown): number {
    const code = codeOf(error);
    return code === "EAGAIN" || code === "EINTR" ? PIPE_RETRY_MS : -1;
  }
}

/** The code of an error of the system, such as ENOSPC; "" for another one. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

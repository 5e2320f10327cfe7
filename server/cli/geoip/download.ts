/** Downloads a file: bounded in size and time, on the disk before it counts. */
import { open } from "node:fs/promises";
import { messageOf } from "../../../core/log/message-of.ts";
import { CommandFailure, EXIT } from "../failure.ts";

/** A City database has some 60 MB; ten times that is none. */
export const MAX_DOWNLOAD_BYTES = 600 * 1024 * 1024;

export interface DownloadOrder {
  readonly url: string;
  /** Where to put it; whoever asks removes it. */
  readonly path: string;
  readonly proxy: string | null;
  /** What is there already is as old as this: nothing is sent that has not changed since. */
  readonly since: Date | null;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** `modified` is when the origin says that it changed. */
export type Downloaded =
  | { readonly kind: "unchanged" }
  | { readonly kind: "done"; readonly modified: Date | null };

export async function download(order: DownloadOrder): Promise<Downloaded> {
  const { url, since, proxy } = order;
  const signal = AbortSignal.any([order.signal, AbortSignal.timeout(order.timeoutMs)]);
  let response: Response;
  try {
    response = await fetch(url, {
      headers: since === null ? {} : { "If-Modified-Since": since.toUTCString() },
      signal,
      ...(proxy !== null && { proxy }),
    });
  } catch (error) {
    throw new CommandFailure(EXIT.unreachable, `cannot reach ${originOf(url)}: ${reason(error)}`);
  }
  if (response.status === 304) return { kind: "unchanged" };
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new CommandFailure(EXIT.failed, `${originOf(url)} answered ${response.status}`);
  }
  try {
    await save(response.body, order.path, lengthOf(response));
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(EXIT.failed, `the download broke off: ${reason(error)}`);
  }
  return { kind: "done", modified: dateOf(response.headers.get("Last-Modified")) };
}

async function save(body: AsyncIterable<Uint8Array>, path: string, expected: number | null): Promise<void> {
  const file = await open(path, "wx", 0o644);
  try {
    let bytes = 0;
    for await (const chunk of body) {
      bytes += chunk.byteLength;
      if (bytes > MAX_DOWNLOAD_BYTES) {
        throw new CommandFailure(EXIT.failed, `the download exceeds ${MAX_DOWNLOAD_BYTES} bytes`);
      }
      await file.write(chunk);
    }
    if (expected !== null && bytes !== expected) {
      throw new CommandFailure(EXIT.failed, `the download broke off after ${bytes} of ${expected} bytes`);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The length that was announced; null where the runtime undoes a content coding on the way. */
function lengthOf(response: Response): number | null {
  const length = response.headers.get("Content-Length");
  if (length === null || response.headers.has("Content-Encoding")) return null;
  return /^\d+$/.test(length) ? Number(length) : null;
}

/** The URL without what may be a secret: licence keys stand in queries. */
function originOf(url: string): string {
  return new URL(url).origin;
}

function dateOf(text: string | null): Date | null {
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) ? null : new Date(ms);
}

function reason(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return "no answer in time (--timeout)";
  return messageOf(error);
}

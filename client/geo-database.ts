/** The MaxMind database: opening, looking up, downloading. Loaded only when a location is looked for. */
import { mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import type { CityResponse, Reader } from "maxmind";
import type { Location } from "./wire-body.ts";

/** A City database has some 60 MB; ten times that is not one. */
const MAX_DOWNLOAD_BYTES = 600 * 1024 * 1024;
const DOWNLOAD_TIMEOUT_MS = 10 * 60_000;

/** Opens a database; throws when the file is none. */
export async function openDatabase(path: string): Promise<Reader<CityResponse>> {
  const { Reader: MmdbReader } = await import("maxmind");
  return new MmdbReader<CityResponse>(contentOf(path));
}

/** Looks an address up; null when the database does not know where it is. */
export function locate(database: Reader<CityResponse>, address: string): Location | null {
  const entry = database.get(address);
  const { latitude, longitude } = entry?.location ?? {};
  if (latitude === undefined || longitude === undefined) return null;
  return {
    latitude,
    longitude,
    country: entry?.country?.iso_code ?? "",
    city: entry?.city?.names.en ?? "",
  };
}

/**
 * Downloads a database to `path`: into a file beside it, bounded in size and time, put in place only after it
 * opened as a database. Certificates are always verified, whatever `insecure_tls` says of the server.
 */
export async function downloadDatabase(url: string, path: string, signal: AbortSignal): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const aside = `${path}.${process.pid}.part`;
  try {
    await download(url, aside, AbortSignal.any([signal, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS)]));
    await openDatabase(aside);
    renameSync(aside, path);
  } finally {
    rmSync(aside, { force: true });
  }
}

async function download(url: string, path: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(url, { signal });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`the download answered ${response.status}`);
  }
  const file = await open(path, "w", 0o644);
  try {
    let bytes = 0;
    const stream: AsyncIterable<Uint8Array> = response.body;
    for await (const chunk of stream) {
      bytes += chunk.byteLength;
      if (bytes > MAX_DOWNLOAD_BYTES) throw new Error(`the download exceeds ${MAX_DOWNLOAD_BYTES} bytes`);
      await file.write(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The file's content, mapped where the system can: a look-up touches a few pages of its 60 MB. */
function contentOf(path: string): Buffer {
  if (process.platform === "win32") return readFileSync(path);
  const mapped = Bun.mmap(path, { shared: false });
  return Buffer.from(mapped.buffer, mapped.byteOffset, mapped.byteLength);
}

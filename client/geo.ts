/**
 * Where this backend is: coordinates given by hand, else the database, which is looked up in the background and
 * downloaded if it is missing and a URL is configured. Nobody else is ever asked, and a private address has no
 * place.
 */
import { existsSync } from "node:fs";
import { CidrSet, parseAddress } from "../core/http/cidr.ts";
import type { Logger } from "./logger.ts";
import type { Location } from "./wire-body.ts";

export interface GeoOptions {
  readonly skip: boolean;
  readonly latitude: number | undefined;
  readonly longitude: number | undefined;
  readonly country: string;
  readonly city: string;
  /** Empty = there is nowhere to keep one. */
  readonly databasePath: string;
  /** Empty = never download. */
  readonly downloadUrl: string;
  readonly log: Logger;
  /** Waits between downloads that fail; ends early when the agent stops. */
  readonly wait: (delayMs: number) => Promise<void>;
}

const FIRST_RETRY_MS = 60_000;
const LAST_RETRY_MS = 3_600_000;

/** The location given by hand; null without one. */
export function locationByHand(options: GeoOptions): Location | null {
  const { skip, latitude, longitude, country, city } = options;
  if (skip || latitude === undefined || longitude === undefined) return null;
  return { latitude, longitude, country, city };
}

/** Looks the address up in the database; null, with a log line where something failed, when it has no place. */
export async function locationFromDatabase(
  options: GeoOptions,
  address: string,
  signal: AbortSignal,
): Promise<Location | null> {
  const { log, databasePath: path } = options;
  if (options.skip || path === "" || !(await obtain(options, signal))) return null;
  const { locate, openDatabase } = await import("./geo-database.ts");
  if (!isPublicAddress(address)) {
    log.info("location unknown: the address is not a public one; set latitude and longitude", { address });
    return null;
  }
  try {
    const found = locate(await openDatabase(path), address);
    if (found === null) log.info("location unknown: the database does not know the address", { address });
    // What is given by hand beside it counts more.
    return found === null
      ? null
      : { ...found, country: options.country || found.country, city: options.city || found.city };
  } catch (error) {
    log.warn("location unknown: the GeoIP database cannot be read", { file: path, reason: String(error) });
    return null;
  }
}

/** Tells whether the address may be reached from the whole internet (RFC 6890 and its IPv6 counterparts). */
export function isPublicAddress(address: string): boolean {
  const parsed = parseAddress(address);
  return parsed !== null && !NOT_PUBLIC.hasAddress(parsed);
}

async function obtain(options: GeoOptions, signal: AbortSignal): Promise<boolean> {
  const { log, databasePath: file, downloadUrl } = options;
  if (existsSync(file)) return true;
  if (downloadUrl === "") {
    log.info("location unknown: there is no GeoIP database; set geoip_url, or latitude and longitude", {
      file,
    });
    return false;
  }
  const { downloadDatabase } = await import("./geo-database.ts");
  for (let retryMs = FIRST_RETRY_MS; !signal.aborted; retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)) {
    try {
      log.info("downloading the GeoIP database", { file });
      await downloadDatabase(downloadUrl, file, signal);
      log.info("GeoIP database downloaded", { file });
      return true;
    } catch (error) {
      if (signal.aborted) break;
      const facts = { file, reason: String(error), retry_seconds: retryMs / 1000 };
      log.warn("location unknown: the GeoIP database cannot be downloaded; trying again later", facts);
      await options.wait(retryMs);
    }
  }
  return false;
}

/** Private, shared, reserved, documentation and multicast ranges. */
const NOT_PUBLIC = new CidrSet(
  [
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24",
    "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4",
    "::/96 64:ff9b:1::/48 100::/64 2001:db8::/32 fc00::/7 fe80::/10 ff00::/8",
  ].flatMap((line) => line.split(" ")),
);

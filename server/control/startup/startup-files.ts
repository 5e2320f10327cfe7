/** Files that the server needs before it can start. */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import type { FileFault } from "../../../core/config/load.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { messageOf } from "../../../core/log/message-of.ts";
import type { ApiKey } from "../../../core/plane/api-key.ts";
import type { BackendTls, CertificateSet } from "../../../core/plane/messages.ts";
import { type Loaded, unreadable } from "../files/loaded.ts";
import { type AuthKeys, readKeys } from "../keys/key-files.ts";
import { readStickyKey, type StickyKeys } from "../keys/sticky-key.ts";
import { logFileFaults } from "../logging/open-log.ts";
import { readBackendTls, readCertificates, type TlsKeys } from "../tls/certificate-files.ts";
import { StartError } from "./start-error.ts";

/** Keys of the configuration that name a file to be read. */
type FileKeys = TlsKeys & AuthKeys & StickyKeys & Pick<ServerConfig, "geoip_db_path" | "log_file">;

/** A MaxMind database ends with its description, which this announces (MaxMind DB format 2.0). */
const MAXMIND_MARK = Buffer.from("\xab\xcd\xefMaxMind.com", "latin1");
const MAXMIND_TAIL_BYTES = 128 * 1024;

/** Says what is wrong with the files that a configuration names; keys that are wrong themselves are absent. */
export function fileFaults(config: Partial<FileKeys>): FileFault[] {
  return [
    ...readCertificates(config).faults,
    ...readBackendTls(config).faults,
    ...readKeys(config).faults,
    ...readStickyKey(config).faults,
    ...geoipFaults(config.geoip_db_path ?? ""),
    ...logFileFaults(config.log_file ?? ""),
  ];
}

/** What the listener shows its clients; null when it speaks plain HTTP. Throws StartError. */
export function loadCertificates(config: TlsKeys): CertificateSet | null {
  return unwrap(readCertificates(config));
}

/** What callers of management may show. Throws StartError. */
export function loadKeys(config: AuthKeys): readonly ApiKey[] {
  return unwrap(readKeys(config)) ?? [];
}

/** What the configuration has to sign cookies with; "" for nothing. Throws StartError. */
export function loadStickyKey(config: StickyKeys): string {
  return unwrap(readStickyKey(config)) ?? "";
}

/** How TLS is spoken to backends. Throws StartError. */
export function loadBackendTls(config: TlsKeys): BackendTls {
  const value = unwrap(readBackendTls(config));
  if (value === null) throw new StartError("backend_tls could not be read");
  return value;
}

/** Content of the MaxMind database, for every thread; null when none is configured. Throws StartError. */
export function loadGeoip(config: Pick<FileKeys, "geoip_db_path">): SharedArrayBuffer | null {
  if (config.geoip_db_path === "") return null;
  const faults = geoipFaults(config.geoip_db_path);
  if (faults.length > 0) throw new StartError(inWords(faults));
  const bytes = readFileSync(config.geoip_db_path);
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared;
}

function geoipFaults(file: string): FileFault[] {
  if (file === "") return [];
  const path = ["geoip_db_path"];
  try {
    if (tailOf(file).includes(MAXMIND_MARK)) return [];
    return [{ path, message: `${file} is not a MaxMind database; download it again` }];
  } catch (error) {
    return [{ path, message: `${unreadable(file)}, or leave the key out (${messageOf(error)})` }];
  }
}

function tailOf(file: string): Buffer {
  const fd = openSync(file, "r");
  try {
    const { size } = fstatSync(fd);
    const tail = Buffer.alloc(Math.min(size, MAXMIND_TAIL_BYTES));
    const read = readSync(fd, tail, 0, tail.length, size - tail.length);
    return tail.subarray(0, read);
  } finally {
    closeSync(fd);
  }
}

function unwrap<T>({ value, faults }: Loaded<T>): T | null {
  if (faults.length > 0) throw new StartError(inWords(faults));
  return value;
}

function inWords(faults: readonly FileFault[]): string {
  return faults.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
}

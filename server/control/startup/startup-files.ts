/** Files that the server needs before it can start. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import type { FileFault } from "../../../core/config/load.ts";
import type { ServerConfig } from "../../../core/config/server-schema.ts";
import { StartError } from "./start-error.ts";

/** Keys of the configuration that name a file to be read. */
type FileKeys = Pick<ServerConfig, "tls_cert_file" | "tls_key_file" | "geoip_db_path">;

interface Pem {
  readonly cert: string;
  readonly key: string;
}

/** A MaxMind database ends with its description, which this announces (MaxMind DB format 2.0). */
const MAXMIND_MARK = Buffer.from("\xab\xcd\xefMaxMind.com", "latin1");
const MAXMIND_TAIL_BYTES = 128 * 1024;

/** Says what is wrong with the files that a configuration names; keys that are wrong themselves are absent. */
export function fileFaults(config: Partial<FileKeys>): FileFault[] {
  const { tls_cert_file: certFile = "", tls_key_file: keyFile = "", geoip_db_path: geoip = "" } = config;
  const tls = certFile === "" || keyFile === "" ? [] : readPem(certFile, keyFile).faults;
  return [...tls, ...geoipFaults(geoip)];
}

/** PEM texts of the public listener; null when it speaks plain HTTP. Throws StartError. */
export function loadTls(config: FileKeys): Pem | null {
  if (config.tls_cert_file === "" || config.tls_key_file === "") return null;
  const { pem, faults } = readPem(config.tls_cert_file, config.tls_key_file);
  if (pem === null) throw new StartError(inWords(faults));
  return pem;
}

/** Content of the MaxMind database, for every thread; null when none is configured. Throws StartError. */
export function loadGeoip(config: FileKeys): SharedArrayBuffer | null {
  if (config.geoip_db_path === "") return null;
  const faults = geoipFaults(config.geoip_db_path);
  if (faults.length > 0) throw new StartError(inWords(faults));
  const bytes = readFileSync(config.geoip_db_path);
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared;
}

/** Reads both files; every fault is found, and without one there is a pair. */
function readPem(certFile: string, keyFile: string): { pem: Pem | null; faults: FileFault[] } {
  const faults: FileFault[] = [];
  const attempt = <T>(key: keyof FileKeys, complaint: string, work: () => T): T | null => {
    try {
      return work();
    } catch (error) {
      faults.push({ path: [key], message: `${complaint} (${reasonOf(error)})` });
      return null;
    }
  };
  const cert = attempt("tls_cert_file", unreadable(certFile), () => readFileSync(certFile, "utf8"));
  const key = attempt("tls_key_file", unreadable(keyFile), () => readFileSync(keyFile, "utf8"));
  const certificate =
    cert === null
      ? null
      : attempt(
          "tls_cert_file",
          `${certFile} holds no certificate in PEM form`,
          () => new X509Certificate(cert),
        );
  const noKey = `${keyFile} holds no private key in PEM form, or one with a passphrase`;
  const privateKey = key === null ? null : attempt("tls_key_file", noKey, () => createPrivateKey(key));
  if (cert === null || key === null || certificate === null || privateKey === null) {
    return { pem: null, faults };
  }
  if (certificate.checkPrivateKey(privateKey)) return { pem: { cert, key }, faults };
  const message = `the key in ${keyFile} does not belong to the certificate in ${certFile}`;
  return { pem: null, faults: [{ path: ["tls_key_file"], message }] };
}

function geoipFaults(file: string): FileFault[] {
  if (file === "") return [];
  const path = ["geoip_db_path"];
  try {
    if (tailOf(file).includes(MAXMIND_MARK)) return [];
    return [{ path, message: `${file} is not a MaxMind database; download it again` }];
  } catch (error) {
    return [{ path, message: `${unreadable(file)}, or leave the key out (${reasonOf(error)})` }];
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

function unreadable(file: string): string {
  return `cannot read ${file}; check the path and its permissions`;
}

function inWords(faults: readonly FileFault[]): string {
  return faults.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

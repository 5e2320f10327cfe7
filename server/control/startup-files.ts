/** Files that the server needs before it can start. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ServerConfig } from "../../core/config/server-schema.ts";
import { StartError } from "./start-error.ts";

/** PEM texts of the public listener; null when it speaks plain HTTP. Throws StartError. */
export function loadTls(config: ServerConfig): { readonly cert: string; readonly key: string } | null {
  if (config.tls_cert_file === "" || config.tls_key_file === "") return null;
  const cert = readText(config.tls_cert_file, "tls_cert_file");
  const key = readText(config.tls_key_file, "tls_key_file");
  const certificate = attempt(
    () => new X509Certificate(cert),
    `tls_cert_file: ${config.tls_cert_file} holds no certificate in PEM form`,
  );
  const privateKey = attempt(
    () => createPrivateKey(key),
    `tls_key_file: ${config.tls_key_file} holds no private key in PEM form (or one with a passphrase)`,
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new StartError(
      `tls_key_file: the key in ${config.tls_key_file} does not belong to the certificate in ${config.tls_cert_file}`,
    );
  }
  return { cert, key };
}

/** Content of the MaxMind database, for every thread; null when none is configured. Throws StartError. */
export function loadGeoip(config: ServerConfig): SharedArrayBuffer | null {
  if (config.geoip_db_path === "") return null;
  const bytes = attempt(
    () => readFileSync(config.geoip_db_path),
    `geoip_db_path: cannot read ${config.geoip_db_path}; check the path and its permissions, or leave the key out`,
  );
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared;
}

function readText(path: string, key: string): string {
  return attempt(
    () => readFileSync(path, "utf8"),
    `${key}: cannot read ${path}; check the path and its permissions`,
  );
}

function attempt<T>(work: () => T, complaint: string): T {
  try {
    return work();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError(`${complaint} (${why})`, { cause: error });
  }
}

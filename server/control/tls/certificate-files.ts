/** From the files that a configuration names to certificates that fit together. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { FileFault } from "../../../core/config/load.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import type { BackendTls, Certificate, CertificateSet } from "../../../core/plane/messages.ts";
import { attempt, type Loaded, type Path, unreadable } from "../files/loaded.ts";

/** Keys of the configuration that name files for TLS. */
export type TlsKeys = Pick<
  ServerConfig,
  | "tls_cert_file"
  | "tls_key_file"
  | "tls_certificates"
  | "tls_client_auth"
  | "tls_client_ca_file"
  | "tls_backend_ca_file"
  | "tls_insecure_skip_verify"
  | "backend_tls"
>;

/** Reads what the listener shows its clients; without faults the value is null when the port speaks plain HTTP. */
export function readCertificates(config: Partial<TlsKeys>): Loaded<CertificateSet> {
  const { tls_cert_file: certFile = "", tls_key_file: keyFile = "", tls_certificates: further = [] } = config;
  if (certFile === "" || keyFile === "") return { value: null, faults: [] };
  const faults: FileFault[] = [];
  const fallback = readPair({ certFile, keyFile }, ["tls_cert_file"], ["tls_key_file"], faults);
  const named = further.map(({ cert_file, key_file }, index) =>
    readPair(
      { certFile: cert_file, keyFile: key_file },
      ["tls_certificates", index, "cert_file"],
      ["tls_certificates", index, "key_file"],
      faults,
    ),
  );
  const asks = config.tls_client_auth !== undefined && config.tls_client_auth !== "none";
  const clientCa = asks
    ? readAuthorities(config.tls_client_ca_file ?? "", ["tls_client_ca_file"], faults)
    : "";
  if (faults.length > 0 || fallback === null) return { value: null, faults };
  return { value: { fallback, named: named.filter((pair) => pair !== null), clientCa }, faults };
}

/** Reads how TLS is spoken to backends. */
export function readBackendTls(config: Partial<TlsKeys>): Loaded<BackendTls> {
  const faults: FileFault[] = [];
  const ca = readAuthorities(config.tls_backend_ca_file ?? "", ["tls_backend_ca_file"], faults);
  const rules = (config.backend_tls ?? []).map(
    ({ host, verify, ca_file: file, server_name: serverName }, index) => ({
      host: host.toLowerCase(),
      verify,
      ca: readAuthorities(file, ["backend_tls", index, "ca_file"], faults),
      serverName,
    }),
  );
  const verify = config.tls_insecure_skip_verify !== true;
  return faults.length > 0 ? { value: null, faults } : { value: { rules, ca, verify }, faults };
}

/** Gives the time at which the first of the certificates ends, in milliseconds since the epoch. */
export function firstExpiry({ fallback, named }: CertificateSet): number {
  return Math.min(...[fallback, ...named].map(({ cert }) => Date.parse(new X509Certificate(cert).validTo)));
}

/** Reads both files; every fault is found, and without one there is a pair. */
function readPair(
  { certFile, keyFile }: { readonly certFile: string; readonly keyFile: string },
  certPath: Path,
  keyPath: Path,
  faults: FileFault[],
): (Certificate & { readonly names: readonly string[] }) | null {
  const cert = attempt(certPath, unreadable(certFile), faults, () => readFileSync(certFile, "utf8"));
  const key = attempt(keyPath, unreadable(keyFile), faults, () => readFileSync(keyFile, "utf8"));
  const noCert = `${certFile} holds no certificate in PEM form`;
  const certificate =
    cert === null ? null : attempt(certPath, noCert, faults, () => new X509Certificate(cert));
  const noKey = `${keyFile} holds no private key in PEM form, or one with a passphrase`;
  const privateKey = key === null ? null : attempt(keyPath, noKey, faults, () => createPrivateKey(key));
  if (cert === null || key === null || certificate === null || privateKey === null) return null;
  if (certificate.checkPrivateKey(privateKey)) return { cert, key, names: namesOf(certificate) };
  const message = `the key in ${keyFile} does not belong to the certificate in ${certFile}`;
  faults.push({ path: keyPath, message });
  return null;
}

/** Names of hosts that a certificate is for; its common name where it has no others. */
function namesOf(certificate: X509Certificate): string[] {
  const names = [...(certificate.subjectAltName ?? "").matchAll(/(?:^|, )DNS:([^,]+)/g)].map(
    ([, name = ""]) => name,
  );
  const [, common] = /(?:^|\n)CN=([^\n]+)/.exec(certificate.subject) ?? [];
  return (names.length > 0 ? names : [common ?? ""]).map((name) => name.toLowerCase());
}

function readAuthorities(file: string, path: Path, faults: FileFault[]): string {
  if (file === "") return "";
  const text = attempt(path, unreadable(file), faults, () => readFileSync(file, "utf8"));
  if (text === null) return "";
  return attempt(
    path,
    `${file} holds no certificate in PEM form`,
    faults,
    () => new X509Certificate(text),
  ) === null
    ? ""
    : text;
}

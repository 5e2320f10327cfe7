import { statSync } from "node:fs";
import type { CertificateSet } from "../../../core/plane/messages.ts";
import type { Logger } from "../logging/logger.ts";
import { firstExpiry, readCertificates, type TlsKeys } from "./certificate-files.ts";

const CHECK_EVERY_MS = 1000;
const DAY_MS = 86_400_000;
/** Certificates are renewed long before that. */
const EXPIRY_WARNING_DAYS = 14;

export interface CertificateWatchOptions {
  readonly config: TlsKeys;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly onChange: (certificates: CertificateSet) => void;
}

/**
 * Looks at the certificate files once a second, which works for every way of replacing them: written in place, renamed
 * over, or behind a symbolic link that turns. New ones are used when all of them fit together; until then the old stay.
 */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #files: readonly string[];
  readonly #timer: ReturnType<typeof setInterval>;
  #seen: string;
  #complaint = "";
  #warnedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: CertificateWatchOptions, current: CertificateSet) {
    this.#options = options;
    const { config } = options;
    this.#files = [
      config.tls_cert_file,
      config.tls_key_file,
      ...config.tls_certificates.flatMap(({ cert_file, key_file }) => [cert_file, key_file]),
      ...(config.tls_client_auth === "none" ? [] : [config.tls_client_ca_file]),
    ];
    this.#seen = this.#look();
    this.#warnOfExpiry(current);
    this.#timer = setInterval(() => this.#check(), CHECK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const seen = this.#look();
    if (seen === this.#seen) return;
    const { log, config, onChange } = this.#options;
    const { value, faults } = readCertificates(config);
    if (value === null) {
      const complaint = faults.map(({ message }) => message).join("; ");
      // Asked again at the next turn: a certificate may come a moment before its key.
      if (complaint !== this.#complaint)
        log.error("new certificates are not used, the old ones stay", { reason: complaint });
      this.#complaint = complaint;
      return;
    }
    this.#seen = seen;
    this.#complaint = "";
    onChange(value);
    log.info("new certificates are in use", { expire: new Date(firstExpiry(value)).toISOString() });
    this.#warnOfExpiry(value);
  }

  /** What tells one version of the files from another, without reading them. */
  #look(): string {
    return this.#files.map(fingerprint).join("|");
  }

  #warnOfExpiry(certificates: CertificateSet): void {
    const { log, now } = this.#options;
    const leftDays = Math.floor((firstExpiry(certificates) - now()) / DAY_MS);
    if (leftDays >= EXPIRY_WARNING_DAYS || now() - this.#warnedAtMs < DAY_MS) return;
    this.#warnedAtMs = now();
    if (leftDays < 0) log.warn("a certificate has expired", { days_ago: -leftDays });
    else log.warn("a certificate expires soon", { in_days: leftDays });
  }
}

function fingerprint(file: string): string {
  try {
    const { mtimeMs, ctimeMs, size, ino } = statSync(file);
    return `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
  } catch {
    // Gone for the moment, which is a change like another.
    return "absent";
  }
}

import type { CertificateSet } from "../../../core/plane/messages.ts";
import { FileWatch } from "../files/file-watch.ts";
import type { Logger } from "../logging/logger.ts";
import { firstExpiry, readCertificates, type TlsKeys } from "./certificate-files.ts";

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

/** Has certificates replaced while the server runs, and warns of those that end soon. */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #watch: FileWatch<CertificateSet>;
  #warnedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: CertificateWatchOptions, current: CertificateSet) {
    this.#options = options;
    const { config, log, onChange } = options;
    this.#warnOfExpiry(current);
    this.#watch = new FileWatch({
      files: () => [
        config.tls_cert_file,
        config.tls_key_file,
        ...config.tls_certificates.flatMap(({ cert_file, key_file }) => [cert_file, key_file]),
        ...(config.tls_client_auth === "none" ? [] : [config.tls_client_ca_file]),
      ],
      what: "certificates",
      read: () => readCertificates(config),
      use: (certificates) => {
        onChange(certificates);
        this.#warnOfExpiry(certificates);
        return { expire: new Date(firstExpiry(certificates)).toISOString() };
      },
      log,
    });
  }

  stop(): void {
    this.#watch.stop();
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

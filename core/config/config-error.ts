/** Faults of a configuration, as data and as the line that a person reads. */

export interface ConfigError {
  /** Path of the file, or `flag -port`, or `environment OPSEN_SERVER_PORT`. */
  readonly file: string;
  /** From 1; null where lines mean nothing. */
  readonly line: number | null;
  readonly column: number | null;
  /** Path of the key such as `tiers[0].vcpu`; empty when the whole file is at fault. */
  readonly key: string;
  /** What would be right and what was there. */
  readonly message: string;
}

/** One line: `server.yml:12: health_check_interval_seconds: must be a whole number from 1 to 3600, got 0`. */
export function renderConfigError(error: ConfigError): string {
  const place = error.line === null ? error.file : `${error.file}:${error.line}`;
  return error.key === "" ? `${place}: ${error.message}` : `${place}: ${error.key}: ${error.message}`;
}

/** Keys of `server.yml` about the log. Part of ServerConfigSchema. */
import { bool, int, text } from "./fields.ts";

export const LOGGING_KEYS = {
  log_file: text(
    "",
    "File that the log is written to; empty = standard output. SIGUSR1 has it opened again, for those who rotate it themselves.",
    { format: "path" },
  ),
  log_max_size_mb: int(
    100,
    { minimum: 0, maximum: 1_048_576 },
    "Size in MB (2^20 bytes) from which on `log_file` is set aside and begun anew; 0 = any size.",
  ),
  log_max_backups: int(
    5,
    { minimum: 0, maximum: 10_000 },
    "Most old log files that are kept; 0 = any number.",
  ),
  log_max_age_days: int(
    28,
    { minimum: 0, maximum: 3650 },
    "Old log files are deleted after so long, and `log_file` is set aside when it was begun so long ago; 0 = never.",
  ),
  log_compress: bool(true, "Compress old log files (gzip)."),
} as const;

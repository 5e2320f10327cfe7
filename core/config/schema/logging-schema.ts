/** Keys of `server.yml` about the log. Part of ServerConfigSchema. */
import { Type } from "@sinclair/typebox";
import { bool, int, list, text } from "./fields.ts";

/** Members of JSON bodies, and parameters, that usually hold secrets. */
const SECRET_FIELDS = [
  "password",
  "passwd",
  "secret",
  "token",
  "access_token",
  "refresh_token",
  "id_token",
  "api_key",
  "apikey",
  "client_secret",
  "authorization",
  "private_key",
];

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
  log_messages: bool(
    false,
    "Write each proxied request and its answer besides the access line: head, and the beginning of a body that is text. For the search of faults: see docs/logs-and-traces.md about secrets.",
  ),
  log_message_bytes: int(
    4096,
    { minimum: 0, maximum: 65_536 },
    "How much of each body `log_messages` writes.",
  ),
  log_redact_headers: list(
    Type.String({ format: "header-name" }),
    "Headers whose values `log_messages` leaves out, besides `Authorization`, `Proxy-Authorization`, `Cookie`, `Set-Cookie`, `X-API-Key` and `X-Opsen-Agent-Token`.",
    256,
  ),
  log_redact_fields: Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
    default: SECRET_FIELDS,
    maxItems: 256,
    description:
      "Members of JSON bodies at any depth, and parameters of forms and queries, whose values `log_messages` leaves out.",
  }),
} as const;

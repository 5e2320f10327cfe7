/** Keys of `server.yml` about the compression of answers. Part of ServerConfigSchema. */
import { Type } from "@sinclair/typebox";
import { CONTENT_CODINGS } from "../../http/accept-encoding.ts";
import { bool, int } from "./fields.ts";

export const COMPRESSION_KEYS = {
  compression_enabled: bool(
    false,
    "Compress answers of backends for clients that accept it. Read about secrets in docs/compression.md first.",
  ),
  compression_algorithms: Type.Array(Type.Union(CONTENT_CODINGS.map((coding) => Type.Literal(coding))), {
    default: [...CONTENT_CODINGS],
    minItems: 1,
    maxItems: CONTENT_CODINGS.length,
    description: "Codings that are made, the best first: it decides where a client likes several equally.",
  }),
  compression_types: Type.Array(
    Type.String({
      pattern: "^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+*-]+$",
      maxLength: 128,
      expected: "a media type such as text/html, text/* or application/*+json",
    }),
    {
      default: [
        "text/*",
        "application/json",
        "application/*+json",
        "application/javascript",
        "application/xml",
        "application/*+xml",
        "application/wasm",
        "image/svg+xml",
      ],
      maxItems: 256,
      description:
        "Media types that are compressed; `*` stands for any text. An event stream only by its full name, `text/event-stream`.",
    },
  ),
  compression_min_bytes: int(
    1024,
    { minimum: 0, maximum: 1_073_741_824 },
    "Answers that say they are smaller are left alone.",
  ),
  compression_gzip_level: int(4, { minimum: 1, maximum: 9 }, "Effort of gzip."),
  compression_br_level: int(4, { minimum: 0, maximum: 6 }, "Effort of Brotli; from 5 on it is slow."),
  compression_zstd_level: int(3, { minimum: 1, maximum: 12 }, "Effort of Zstandard."),
  compression_memory_mb: int(
    64,
    { minimum: 1, maximum: 65_536 },
    "Memory for compression in each worker, in MB (2^20 bytes): up to 1.5 MB for each answer under way. Answers beyond are sent as they are.",
  ),
  upstream_disable_compression: bool(
    false,
    "Ask backends for answers without a coding (`Accept-Encoding: identity`), whatever the client accepts.",
  ),
} as const;

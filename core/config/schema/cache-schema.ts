/** Keys of `server.yml` about the cache of responses. Part of ServerConfigSchema. */
import { Type } from "@sinclair/typebox";
import { bool, int, list } from "./fields.ts";

const DAY_SECONDS = 86_400;

export const CACHE_KEYS = {
  cache_enabled: bool(
    false,
    "Keep responses in memory and answer from there, as RFC 9111 has it for a shared cache; see docs/cache.md.",
  ),
  cache_ttl_seconds: int(
    0,
    { minimum: 0, maximum: 365 * DAY_SECONDS },
    "How long a response with status 200, 203, 301 or 308 is used that says nothing about it; 0 = only what says so is.",
  ),
  cache_heuristics: bool(
    true,
    "Use a response that only has Last-Modified for a tenth of its age then, at most a day (RFC 9111 section 4.2.2).",
  ),
  cache_max_entries: int(
    16_384,
    { minimum: 1, maximum: 10_000_000 },
    "Responses kept at one time, by all workers together; each has its share.",
  ),
  cache_max_bytes: int(
    268_435_456,
    { minimum: 65_536, maximum: 2 ** 40 },
    "Memory for responses, in bytes, of all workers together; each has its share.",
  ),
  cache_max_object_bytes: int(
    8_388_608,
    { minimum: 0, maximum: 2 ** 31 },
    "Largest body that is kept, in bytes; never more than half of a worker's share of `cache_max_bytes`.",
  ),
  cache_key_headers: list(
    Type.String({ format: "header-name", minLength: 1 }),
    "Request headers whose values are part of the key, as for services that forget Vary.",
    32,
  ),
  cache_exclude_paths: list(
    Type.String({ format: "url-path", minLength: 1 }),
    "Paths that are never cached: exact, prefixes on a segment boundary, or patterns with `*` and `?`.",
    1024,
  ),
  cache_set_cookie: bool(
    false,
    "Keep responses that set cookies, so that many clients get the same one. Without it only those that say `public` or `s-maxage`.",
  ),
  cache_client_directives: bool(
    true,
    "Heed what clients ask of caches, such as `no-cache` of a reload. Without it only `no-store` and `only-if-cached`.",
  ),
  cache_stale_if_error_seconds: int(
    60,
    { minimum: 0, maximum: 365 * DAY_SECONDS },
    "How long past its time a response is used when no backend answers, or with 500, 502, 503 or 504, unless it says otherwise.",
  ),
  cache_stale_while_revalidate_seconds: int(
    0,
    { minimum: 0, maximum: 365 * DAY_SECONDS },
    "How long past its time a response is used while a backend is asked for a new one, unless it says otherwise.",
  ),
  cache_coalesce_seconds: int(
    5,
    { minimum: 0, maximum: 300 },
    "How long a request waits for the answer to another one for the same, before it goes to a backend itself; 0 = it does not wait.",
  ),
  cache_status_header: bool(true, "Say with Cache-Status (RFC 9211) what the cache did."),
} as const;

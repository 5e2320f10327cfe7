/** Keys of `server.yml` about sessions that stay on their backend. Part of ServerConfigSchema. */
import { Type } from "@sinclair/typebox";
import { bool, int, text } from "./fields.ts";

const DAY_SECONDS = 86_400;
/** Browsers keep no cookie for longer. */
const MAX_COOKIE_SECONDS = 400 * DAY_SECONDS;

export const STICKY_KEYS = {
  sticky_header: text("", "Header whose value keeps a session on its backend.", { format: "header-name" }),
  sticky_cookie: text(
    "",
    "Name of a cookie that keeps a browser on its backend where the header is absent; empty = none. It is set by us, signed, says nothing of the backend, and is not passed on to backends.",
    {
      pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]*$",
      maxLength: 64,
      expected: "a cookie name: at most 64 letters, digits or ! # $ % & ' * + - . ^ _ ` | ~",
    },
  ),
  sticky_cookie_ttl_seconds: int(
    0,
    { minimum: 0, maximum: MAX_COOKIE_SECONDS },
    "How long browsers keep the cookie from the time it was set (`Max-Age`); 0 = until they are closed.",
  ),
  sticky_cookie_secure: Type.Union([Type.Literal("auto"), Type.Boolean()], {
    default: "auto",
    description: "Mark the cookie `Secure`; `auto` = where the client's request came by HTTPS.",
  }),
  sticky_cookie_same_site: Type.Union(
    ["lax", "strict", "none", "unset"].map((value) => Type.Literal(value)),
    {
      default: "lax",
      description:
        "`SameSite` of the cookie; `none` = sent by pages of other sites too, `unset` = left to the browser.",
    },
  ),
  sticky_cookie_path: text("/", "`Path` of the cookie.", {
    pattern: "^/[\\x21-\\x3a\\x3c-\\x7e]*$",
    maxLength: 1024,
    expected: "a path that starts with /, in printable ASCII without ;",
  }),
  sticky_cookie_domain: text(
    "",
    "`Domain` of the cookie, such as `example.com` for all its hosts; empty = the host that was asked alone.",
    {
      pattern:
        "^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*)?$",
      maxLength: 253,
      expected: "a host name such as example.com",
    },
  ),
  sticky_cookie_key: text(
    "",
    "Secret of at least 16 characters that signs the cookie; servers that share it know each other's cookies. Empty = one of this server's own, made at the first start and kept in the database.",
    { secret: true, maxLength: 4096 },
  ),
  sticky_cookie_key_file: text(
    "",
    "File that holds `sticky_cookie_key`, in its place; it is read at the start.",
    { format: "path" },
  ),
  sticky_by_ip: bool(false, "Keep a client address on its backend when header and cookie are absent."),
  sticky_affinity_enabled: bool(true, "A session's tiers prefer one backend."),
  sticky_ttl_seconds: int(
    DAY_SECONDS,
    { minimum: 1, maximum: 365 * DAY_SECONDS },
    "An unused assignment is forgotten after this.",
  ),
  max_sticky_entries: int(
    100_000,
    { minimum: 16, maximum: 16_777_216 },
    "Assignments remembered; the least recently used goes first.",
  ),
} as const;

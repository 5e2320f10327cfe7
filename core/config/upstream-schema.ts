/** Keys of `server.yml` about connections to backends. Part of ServerConfigSchema. */
import { Type } from "@sinclair/typebox";
import { bool, int, list } from "./fields.ts";

export const UPSTREAM_KEYS = {
  connect_timeout_seconds: int(
    5,
    { minimum: 1, maximum: 300 },
    "Longest time to connect to a backend, its name and TLS included.",
  ),
  dns_servers: list(
    Type.String({ format: "dns-server" }),
    "Name servers to ask for the names of backends, instead of those of the system and its hosts file. Answers are used for as long as they say.",
    8,
  ),
  upstream_keepalive: bool(true, "Use connections to backends for more than one request."),
  pool_max_idle_per_endpoint: int(
    128,
    { minimum: 0, maximum: 65_536 },
    "Idle connections kept open to one endpoint, in each worker.",
  ),
  pool_idle_timeout_seconds: int(
    60,
    { minimum: 1, maximum: 3600 },
    "How long an idle connection to a backend is kept.",
  ),
} as const;

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
  upstream_tls_handshake_timeout_seconds: int(
    0,
    { minimum: 0, maximum: 300 },
    "Longest time that TLS may take of it once TCP is connected; 0 = what is left of `connect_timeout_seconds`.",
  ),
  upstream_tcp_keepalive_seconds: int(
    30,
    { minimum: 0, maximum: 7200 },
    "Silence after which a backend's host is asked by TCP whether it is still there, idle or in the middle of a request; ten unanswered probes, a second apart, end the connection. 0 = never.",
  ),
  expect_continue_timeout_seconds: int(
    1,
    { minimum: 0, maximum: 3600 },
    "How long a request with `Expect: 100-continue` waits for the backend's word; then its client is told to send the body. 0 = for as long as the client likes.",
  ),
  upstream_keepalive: bool(
    true,
    "Use connections to backends for more than one request; HTTP/2 ones too carry a single request each otherwise.",
  ),
  pool_max_idle_per_endpoint: int(
    128,
    { minimum: 0, maximum: 65_536 },
    "Idle connections (HTTP/2: without a request) that each worker keeps open to one endpoint; all workers together as many times that.",
  ),
  pool_max_idle: int(
    0,
    { minimum: 0, maximum: 10_000_000 },
    "Idle connections kept open to all backends together, in the whole process; each worker has its share, in which the one that was idle for longest makes room. 0 = no limit but `pool_max_idle_per_endpoint`.",
  ),
  pool_idle_timeout_seconds: int(
    60,
    { minimum: 1, maximum: 3600 },
    "How long an idle connection to a backend is kept.",
  ),
  pool_max_lifetime_seconds: int(
    0,
    { minimum: 0, maximum: 30 * 86_400 },
    "Age at which a connection to a backend takes no further request and is closed once idle (HTTP/2: once its requests are done); each at an age of its own, up to a tenth less. Tunnels and requests under way are not cut. 0 = any age.",
  ),
} as const;

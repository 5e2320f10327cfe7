/** Keys of `server.yml` about which backend gets a request. Part of ServerConfigSchema. */
import { Type } from "@sinclair/typebox";
import { STRATEGY_NAMES } from "../../balancing/strategies/names.ts";
import { bool, int, number, text } from "./fields.ts";

const STRATEGY_FORM = { format: "strategy", required: true } as const;

/** Overrides the strategy for a part of the requests. */
export const OWN_STRATEGY = Type.Optional(
  Type.String({ ...STRATEGY_FORM, description: "Overrides the global `strategy`." }),
);

/** An entry of `proxy_endpoints` that says more than its path. */
export const ProxyEndpointSchema = Type.Object(
  {
    path: Type.String({ format: "path-prefix", description: "Path prefix that is proxied." }),
    strategy: Type.Optional(
      Type.String({ ...STRATEGY_FORM, description: "Overrides `strategy` and that of the tier." }),
    ),
  },
  { additionalProperties: false },
);

export const BALANCING_KEYS = {
  strategy: text(
    "resource",
    `How a backend is chosen among those with room: ${STRATEGY_NAMES.map((name) => `\`${name}\``).join(", ")}. See \`docs/strategies.md\`.`,
    STRATEGY_FORM,
  ),
  in_flight_weight: number(
    1,
    { minimum: 0, maximum: 1e6 },
    "`resource`: weight of each percent of CPU that requests are taken to use since the last report, one core each (or as many as their tier has); 0 = what reports say alone.",
  ),
  weight_by_capacity: bool(
    false,
    "`weighted_round_robin` and `random`: multiply each weight by the cores that are reported free.",
  ),
  ip_hash_header: text(
    "",
    "`ip_hash`: header that is hashed, up to its first comma; empty = the client address.",
    { format: "header-name" },
  ),
  ip_hash_fallback_header: text(
    "",
    "`ip_hash`: header that is hashed where the first is absent; then the client address is.",
    { format: "header-name" },
  ),
  ip_hash_balance_factor: number(
    0,
    { minimum: 0, maximum: 100 },
    "`ip_hash`: how many times its share of the requests in flight a backend may have before its clients go elsewhere for a while, above 1; 0 = any number.",
  ),
  prequal_hot_percent: int(
    84,
    { minimum: 1, maximum: 100 },
    "`prequal`: share of the backends, those with the fewest requests in flight, among which latency decides.",
  ),
  latency_decay_seconds: number(
    10,
    { minimum: 0.1, maximum: 3600 },
    "`least_time` and `prequal`: time in which a latency that was met is forgotten, but for a third of it.",
  ),
} as const;

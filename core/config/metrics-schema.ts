/** Keys of `server.yml` about what monitoring is told. Part of ServerConfigSchema. */
import { Type } from "@sinclair/typebox";
import { MAX_DURATION_BOUNDS } from "../table/duration-scale.ts";

export const METRICS_KEYS = {
  metrics_duration_buckets_ms: Type.Array(Type.Number({ minimum: 0.001, maximum: 3_600_000 }), {
    default: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000],
    minItems: 1,
    maxItems: MAX_DURATION_BOUNDS,
    description: "Upper bounds of the histogram of durations, in milliseconds, ascending.",
  }),
} as const;

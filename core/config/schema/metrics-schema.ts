/** Keys of `server.yml` about what monitoring is told. Part of ServerConfigSchema. */
import { type TUnsafe, Type } from "@sinclair/typebox";
import { MAX_DURATION_BOUNDS } from "../../table/figures/duration-scale.ts";
import { bool, int, text } from "./fields.ts";

/** A part of a metric's name (Prometheus, data model). */
const NAME_PART = {
  pattern: "^([a-zA-Z_][a-zA-Z0-9_]*)?$",
  maxLength: 64,
  expected: "letters, digits or _, not beginning with a digit",
};

const LabelsSchema: TUnsafe<Readonly<Record<string, string>>> = Type.Unsafe(
  Type.Object(
    {},
    {
      additionalProperties: Type.String({ minLength: 1, maxLength: 256, expected: "a text" }),
      default: {},
      expected: "at most 16 names with their texts",
      description: "Labels that every series gets, such as `environment: production`.",
    },
  ),
);

export const METRICS_KEYS = {
  metrics_enabled: bool(true, "Answer `/metrics` and keep the history of the figures."),
  metrics_port: int(
    0,
    { minimum: 0, maximum: 65_535 },
    "Port for metrics alone, over plain HTTP, beside the management that has them too; 0 = none.",
  ),
  metrics_host: text("127.0.0.1", "Address to listen on when `metrics_port` is set.", {
    format: "host",
    required: true,
  }),
  metrics_path: text("/metrics", "Path of the metrics.", {
    pattern: "^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$",
    maxLength: 256,
    required: true,
    expected: "a path such as /metrics, of letters, digits and . _ ~ -",
  }),
  metrics_bearer_token: text(
    "",
    "Key for metrics alone, sent as `Authorization: Bearer`. Without one the port of metrics asks for a key of management, and without any it answers this host only.",
    { secret: true },
  ),
  metrics_bearer_token_file: text(
    "",
    "File that holds `metrics_bearer_token`, in its place. A file that changes is read again.",
    { format: "path" },
  ),
  metrics_namespace: text("opsen", "First part of the metrics' names; empty = none.", NAME_PART),
  metrics_subsystem: text("", "Second part of the metrics' names; empty = none.", NAME_PART),
  metrics_labels: LabelsSchema,
  metrics_duration_unit: Type.Union([Type.Literal("milliseconds"), Type.Literal("seconds")], {
    default: "milliseconds",
    description:
      "Unit of the histograms of durations, and end of their names: `request_duration_ms`, or `request_duration_seconds` as Prometheus recommends.",
  }),
  metrics_duration_buckets_ms: Type.Array(Type.Number({ minimum: 0.001, maximum: 3_600_000 }), {
    default: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000],
    minItems: 1,
    maxItems: MAX_DURATION_BOUNDS,
    description: "Upper bounds of the histograms of durations, in milliseconds, ascending.",
  }),
  metrics_cpu_cores: int(
    1024,
    { minimum: 0, maximum: 1_000_000 },
    "Cores of all backends up to which each has a series of its own; beyond, each backend has its mean and its busiest core.",
  ),
  metrics_collect_interval_seconds: int(
    15,
    { minimum: 5, maximum: 3600 },
    "Distance of the points of the long history.",
  ),
  metrics_retention_hours: int(24, { minimum: 1, maximum: 168 }, "How long the long history goes back."),
  metrics_history_backends: int(
    64,
    { minimum: 0, maximum: 4096 },
    "Backends that have a history of their own; further ones are part of the whole alone.",
  ),
} as const;

/** Keys of `server.yml` about traces. Part of ServerConfigSchema. */
import { Type } from "@sinclair/typebox";
import { bool, int, list, number, text } from "./fields.ts";

export const TRACING_KEYS = {
  trace_context: bool(
    false,
    "Check the W3C fields `traceparent` and `tracestate` of proxied requests, and begin a trace where there is none. On whenever `otlp_endpoint` is set; off, they pass untouched.",
  ),
  otlp_endpoint: text(
    "",
    "Collector of traces that speaks OTLP over HTTP, such as http://127.0.0.1:4318; `/v1/traces` is added. Empty = no spans are recorded.",
    { format: "base-url" },
  ),
  otlp_headers: list(
    Type.String({
      secret: true,
      pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ -~]*$",
      maxLength: 4096,
      expected: 'a header such as "Authorization: Bearer ..."',
    }),
    "Headers sent to the collector.",
    16,
  ),
  otlp_timeout_seconds: int(10, { minimum: 1, maximum: 300 }, "Longest wait for the collector."),
  trace_sample_percent: number(
    10,
    { minimum: 0, maximum: 100 },
    "Share of the traces beginning here that is recorded. A request that belongs to a trace is recorded if its caller is.",
  ),
  trace_service_name: text("opsen", "What the traces call this server (`service.name`).", {
    required: true,
    maxLength: 256,
  }),
} as const;

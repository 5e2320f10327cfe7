import { expect, test } from "bun:test";
import { loadServerConfig } from "../../../core/config/load.ts";

function load(text: string): { readonly errors: string; readonly labels: unknown } {
  const outcome = loadServerConfig({ flags: { config: "x" }, env: {}, readFile: () => text });
  if (outcome.ok) return { errors: "", labels: outcome.config.metrics_labels };
  return { errors: outcome.errors.map(({ key, message }) => `${key} ${message}`).join("\n"), labels: null };
}

test("labels are a map of texts", () => {
  expect(load("metrics_labels: { environment: production, region: us-east-1 }").labels).toEqual({
    environment: "production",
    region: "us-east-1",
  });
  expect(load("").labels).toEqual({});
});

test.each([
  ["metrics_labels: { backend: x }", "metrics_labels.backend is a label that series have"],
  ["metrics_labels: { 9a: x }", "metrics_labels.9a must be named by"],
  ["metrics_labels: { __a: x }", "metrics_labels.__a must be named by"],
  ["metrics_labels: { zone: 3 }", "metrics_labels.zone must be a text"],
  ["metrics_labels: { zone: { a: b } }", "metrics_labels.zone must be a text"],
  ["metrics_labels: x", "metrics_labels must be"],
  [`metrics_labels: {${Array.from({ length: 17 }, (_, at) => `l${at}: x`).join(",")}}`, "at most 16"],
  ["metrics_duration_buckets_ms: [1, 5, 5]", "metrics_duration_buckets_ms[2] must be above"],
  ["metrics_duration_buckets_ms: []", "metrics_duration_buckets_ms must be a list of 1 to 24"],
  ["metrics_duration_buckets_ms: [0]", "metrics_duration_buckets_ms[0] must be"],
  ["metrics_path: /clients/x", "metrics_path must not be a path of other"],
  ["metrics_path: /cache", "metrics_path must not be a path of other"],
  ["metrics_path: /a/../b", "metrics_path must be a path such as /metrics"],
  ["metrics_path: metrics", "metrics_path must be a path such as /metrics"],
  ["metrics_namespace: a-b", "metrics_namespace must be letters"],
  ["metrics_port: 8080", "metrics_port must differ from port"],
  ["metrics_bearer_token: abc\nmetrics_bearer_token_file: f", "must not stand beside metrics_bearer_token"],
  ["metrics_retention_hours: 168\nmetrics_collect_interval_seconds: 5", "must be 31 or more"],
])("%s is refused", (text, reason) => {
  expect(load(text).errors).toContain(reason);
});

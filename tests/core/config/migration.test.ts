import { expect, test } from "bun:test";
import { loadServerConfig, renderConfigError } from "../../../core/config/load.ts";

function load(text: string) {
  return loadServerConfig({ flags: { config: "test.yml" }, env: {}, readFile: () => text });
}

function errorsOf(text: string): string[] {
  const loaded = load(text);
  return loaded.ok ? [] : loaded.errors.map(renderConfigError);
}

test("migration_defaults have a value for every option, those of the file over the others", () => {
  const loaded = load("migration_defaults: { hold_seconds: 30, stages: [10, 100] }");
  expect(loaded.ok && loaded.config.migration_defaults).toMatchObject({
    stages: [10, 100],
    hold_seconds: 30,
    max_hold_seconds: 3600,
    min_requests: 50,
    on_too_little_traffic: "wait",
    max_error_rate_percent: 5,
    max_error_rate_delta_percent: 1,
    max_latency_ratio: 1.5,
    max_latency_ms: 0,
    latency_slack_ms: 10,
    unroutable_seconds: 5,
    sessions: "stay",
    split_by: "session",
    paused: false,
  });
});

test("what they cannot be is said with its place", () => {
  expect(errorsOf("migration_defaults:\n  stages: [50, 10]")).toEqual([
    'test.yml:2: migration_defaults.stages: must ascend and end with 100, got "50, 10"',
  ]);
  const errors = errorsOf("migration_defaults: { hold: 3, sessions: drop, min_requests: 0 }");
  expect(errors.map((each) => /migration_defaults[.\w]*/.exec(each)?.[0])).toEqual([
    "migration_defaults.hold",
    "migration_defaults.sessions",
    "migration_defaults.min_requests",
  ]);
});

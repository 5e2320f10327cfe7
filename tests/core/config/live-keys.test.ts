import { expect, test } from "bun:test";
import { FILE_ONLY_KEYS, LIVE_KEYS } from "../../../core/config/runtime/live-keys.ts";
import { ServerConfigSchema } from "../../../core/config/schema/server-schema.ts";

const SCHEMAS = Object.entries(ServerConfigSchema.properties);

test.each([
  ["is secret", /"secret":true/],
  ["names a file", /"format":"path"/],
])("no call changes a key that %s", (_what, mark) => {
  const keys = SCHEMAS.filter(([, schema]) => mark.test(JSON.stringify(schema))).map(([key]) => key);
  expect(keys.length).toBeGreaterThan(2);
  expect(keys.filter((key) => !FILE_ONLY_KEYS.has(key))).toEqual([]);
});

test("the lists name keys that there are", () => {
  const known = new Set(SCHEMAS.map(([key]) => key));
  expect([...FILE_ONLY_KEYS, ...LIVE_KEYS].filter((key) => !known.has(key))).toEqual([]);
});

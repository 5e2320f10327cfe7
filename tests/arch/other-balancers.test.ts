/** `docs/other-balancers.md` names keys and tests: all of them exist. */
import { expect, test } from "bun:test";
import { STRATEGY_NAMES } from "../../core/balancing/strategies/names.ts";
import { BackendSchema } from "../../core/config/schema/backend-schema.ts";
import { ServerConfigSchema } from "../../core/config/schema/server-schema.ts";
import { exists, read } from "./source.ts";

const ROWS = read("docs/other-balancers.md")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| it says") && !line.startsWith("|---"))
  .map((line) => line.split("|").map((cell) => cell.trim()));
const KEYS = [...Object.keys(ServerConfigSchema.properties), ...Object.keys(BackendSchema.properties)];
/** What looks like a key and is none. */
const OTHERS = new Set(["process_*", "gobalance_requests_total", ...STRATEGY_NAMES]);

function wordsOf(cell = ""): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
}

test("every promise has a test that exists", () => {
  const missing = ROWS.flatMap(([, promise, , tests]) => {
    const words = wordsOf(tests);
    if (words.length === 0) return [`${promise}: no test`];
    return words.filter((word) => !exists(word)).map((word) => `${promise}: ${word}`);
  });
  expect(missing).toEqual([]);
});

test("every key that does it exists", () => {
  const unknown = ROWS.flatMap(([, , here]) => wordsOf(here))
    .filter((word) => /^[a-z]+(?:_[a-z*]+)+$/.test(word) && !OTHERS.has(word))
    .filter((word) => {
      const pattern = new RegExp(`^${word.replaceAll("*", ".*")}$`);
      return !KEYS.some((key) => pattern.test(key));
    });
  expect(unknown).toEqual([]);
});

/** The dashboard, the rules and the page about monitoring fit the metrics of a server that runs. */
import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { loadServerConfig } from "../../core/config/load.ts";
import { PLAIN_COUNTERS } from "../../core/table/figures/counter-names.ts";
import { withMetricsTable } from "../../server/control/metrics/reference.ts";
import { repositoryRoot } from "../../tools/process.ts";
import { eventually } from "../support/eventually.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { array, type Json, record, records, string } from "../support/json.ts";
import { type Metrics, promtool, readMetrics } from "../support/prometheus.ts";
import { TestServer } from "../support/server.ts";

const DASHBOARD = "deploy/grafana/opsen.json";
/** As Grafana writes a variable. */
const DATA_SOURCE = ["$", "{datasource}"].join("");
const RULES = "deploy/prometheus/opsen-rules.yml";
const path = (name: string): string => join(repositoryRoot(), name);
const read = (name: string): string => readFileSync(path(name), "utf8");

const gpu = {
  name: "H100",
  utilization_pct: 9,
  memory_used_gb: 1,
  memory_total_gb: 80,
  temperature_c: 30,
  power_draw_w: 70,
};
const backend = new HttpBackend({ name: "b" });
const server = await TestServer.start({
  config: { health_check_enabled: true, health_check_interval_seconds: 1 },
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await backend[Symbol.asyncDispose]();
});
const metrics = await scrapeAll();

/** A scrape of a server that has a probed backend with a GPU, and requests. */
async function scrapeAll(): Promise<Metrics> {
  await FakeAgent.join(server, { id: "b", endpoint: backend.url, gpus: [{ device_id: 0, ...gpu }] });
  await server.call("GET", "/x");
  await server.call("POST", "/config/reload");
  return eventually("a probe of the backend", async () => {
    const scraped = readMetrics((await server.call("GET", "/metrics")).text);
    return scraped.value('opsen_backend_probe_latency_seconds{backend="b"}') === undefined ? null : scraped;
  });
}

/** Names of metrics in an expression, as they are in a scrape. */
function namesIn(expression: string): string[] {
  const names = expression.match(/\b(?:opsen|process)_[a-z0-9_]+/g) ?? [];
  return names.map((name) =>
    metrics.families.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, ""),
  );
}

/** Labels that an expression selects or groups by. */
function labelsIn(expression: string): string[] {
  const selected = [...expression.matchAll(/([a-z_]+)=~?"/g)].map(([, label = ""]) => label);
  const grouped = [...expression.matchAll(/by \(([a-z_, ]+)\)/g)].flatMap(([, list = ""]) =>
    list.split(/, */),
  );
  return [...selected, ...grouped];
}

function unknownNames(expressions: readonly string[]): string[] {
  // A server without a cache counts nothing of one.
  const hasCache = PLAIN_COUNTERS.some((name) => name.startsWith("cache_"));
  const names = new Set(expressions.flatMap(namesIn));
  return [...names].filter(
    (name) => !metrics.families.has(name) && (hasCache || !name.startsWith("opsen_cache_")),
  );
}

function panels(): Json[] {
  return records(record(JSON.parse(read(DASHBOARD)) as unknown).panels);
}

function expressionsOf(panel: Json): string[] {
  return panel.targets === undefined ? [] : records(panel.targets).map(({ expr }) => string(expr));
}

test("every metric and label of the dashboard is in a scrape", () => {
  const expressions = panels().flatMap(expressionsOf);
  expect(expressions.length).toBeGreaterThan(50);
  expect(unknownNames(expressions)).toEqual([]);
  const told = new Set([...metrics.text.matchAll(/[{,]([a-z_]+)="/g)].map(([, label = ""]) => label));
  const foreign = expressions.flatMap(labelsIn).filter((label) => label !== "instance" && !told.has(label));
  expect(foreign).toEqual([]);
});

test("the dashboard asks one data source, which the user chooses, and no panel covers another", () => {
  const { templating } = record(JSON.parse(read(DASHBOARD)) as unknown);
  const variables = records(record(templating).list);
  expect(variables.map(({ name, type }) => `${String(name)} ${String(type)}`)).toEqual([
    "datasource datasource",
    "instance query",
    "backend query",
  ]);
  const cells = new Set<string>();
  for (const panel of panels()) {
    const isRow = panel.type === "row";
    if (!isRow) expect(panel.datasource).toEqual({ type: "prometheus", uid: DATA_SOURCE });
    const at = record(panel.gridPos);
    for (let x = Number(at.x); x < Number(at.x) + Number(at.w); x++) {
      for (let y = Number(at.y); y < Number(at.y) + Number(at.h); y++) {
        expect({ title: panel.title, x, y, isFree: !cells.has(`${x} ${y}`) && x < 24 }).toMatchObject({
          isFree: true,
        });
        cells.add(`${x} ${y}`);
      }
    }
  }
  const ids = panels().map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

test("the rules name metrics that exist, and promtool accepts them", () => {
  const { groups } = record(parse(read(RULES)) as unknown);
  const rules = records(groups).flatMap((group) => records(group.rules));
  expect(unknownNames(rules.map(({ expr }) => string(expr)))).toEqual([]);
  for (const rule of rules) expect(string(record(rule.annotations).summary)).toMatch(/\.$/);
  expect(promtool(["check", "rules", path(RULES)]) ?? "SUCCESS").toContain("SUCCESS");
  const config = path("deploy/prometheus/prometheus.yml");
  expect(promtool(["check", "config", "--syntax-only", config]) ?? "SUCCESS").toContain("SUCCESS");
});

test("the scrape configuration asks as the server expects", () => {
  const text = read("deploy/prometheus/prometheus.yml");
  const [job] = records(record(parse(text) as unknown).scrape_configs);
  const shown = text.match(/^# {3}(metrics_[a-z_]+: .*)$/gm)?.map((line) => line.slice(4).trim()) ?? [];
  const loaded = loadServerConfig({ flags: { config: "x" }, env: {}, readFile: () => shown.join("\n") });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  expect(job?.metrics_path).toBe(loaded.config.metrics_path);
  const [targets] = records(job?.static_configs);
  expect(array(targets?.targets)).toEqual([`opsen.example.com:${loaded.config.metrics_port}`]);
});

test("docs/monitoring.md has the metrics as they are", () => {
  const loaded = loadServerConfig({ flags: {}, env: {}, readFile: () => "" });
  if (!loaded.ok) throw new Error("the defaults are invalid");
  const page = read("docs/monitoring.md");
  expect(page === withMetricsTable(page, loaded.config), "run npm run docs").toBe(true);
});

import { expect, test } from "bun:test";
import { OWN_LABELS } from "../../../../core/config/checks/metrics-check.ts";
import { toTiers } from "../../../../core/scoring/index.ts";
import { catalogue } from "../../../../server/control/metrics/catalogue.ts";
import { Scraper } from "../../../../server/control/metrics/scrape.ts";
import { readMetrics } from "../../../support/prometheus.ts";
import { configOf, idleReport, newWorld, registerOk, START_MS, type World } from "../fixtures.ts";

const FLEET = 1000;
/** Far above what it takes (some 100 ms), so that a busy machine does not fail the test. */
const MOST_MS = 5000;

async function fleet(size: number): Promise<World> {
  const world = newWorld({ config: { max_backends: FLEET, allowed_endpoint_cidrs: ["10.0.0.0/8"] } });
  for (let index = 0; index < size; index++) {
    const id = `b${index}`;
    await registerOk(world, id, `http://10.0.${index >> 8}.${index & 255}:8080`);
    world.registry.report(idleReport(id), null, START_MS);
  }
  return world;
}

function scraper({ config, tables, registry }: World): Scraper {
  return new Scraper({
    config,
    tables,
    registry,
    tiers: toTiers(config).tiers,
    version: "1",
    workers: 2,
    settings: { version: 1, latest: { isApplied: true, atMs: START_MS } },
    now: () => START_MS,
    wallOf: (ms) => ms,
    maxOpenFiles: 1024,
  });
}

test("a fleet of a thousand is told at once, in bounded size, and lets others work meanwhile", async () => {
  using world = await fleet(FLEET);
  const started = performance.now();
  let turns = 0;
  const others = setInterval(() => turns++, 1);
  const text = await scraper(world).text(false);
  clearInterval(others);
  expect(performance.now() - started).toBeLessThan(MOST_MS);
  expect(turns).toBeGreaterThan(2);
  const metrics = readMetrics(text);
  expect(metrics.value('opsen_backend_up{backend="b999"}')).toBe(1);
  // Eight cores each are more than metrics_cpu_cores: the mean and the busiest one stand for them.
  expect(metrics.families.has("opsen_backend_core_usage_ratio")).toBe(false);
  expect(metrics.value('opsen_backend_cpu_usage_ratio{backend="b7"}')).toBe(0.045);
  expect(metrics.value('opsen_backend_busiest_core_usage_ratio{backend="b7"}')).toBe(0.08);
  expect(text.split("\n").length / FLEET).toBeLessThan(70);
});

test("who asks while an answer is being made gets that one", async () => {
  using world = await fleet(3);
  const each = scraper(world);
  const [first, second, other] = await Promise.all([each.text(false), each.text(false), each.text(true)]);
  expect(second).toBe(first);
  expect(other).toEndWith("# EOF\n");
});

test("no two metrics have one name, and labels are as told", async () => {
  const metrics = catalogue(configOf());
  const names = metrics.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const own = new Set(metrics.flatMap(({ labels }) => labels));
  expect([...own].filter((label) => !OWN_LABELS.has(label))).toEqual([]);
  using world = await fleet(2);
  const { families } = readMetrics(await scraper(world).text(false));
  for (const { name, labels, isCommon } of metrics) {
    const series = [...(families.get(isCommon === true ? name : `opsen_${name}`)?.samples.keys() ?? [])];
    for (const one of series) {
      const given = [...one.matchAll(/[{,]([a-z]+)="/g)].map(([, label = ""]) => label);
      expect({ name, given: given.filter((label) => label !== "le") }).toEqual({ name, given: [...labels] });
    }
  }
});

/** Which backend gets a request, by place, load and the keys of the configuration that weigh them. */
import { expect, test } from "bun:test";
import { Cluster, type Member } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import type { Json } from "../support/json.ts";
import { number, record, records } from "../support/json.ts";

const PARIS = { latitude: 48.8566, longitude: 2.3522 };
const TOKYO = { latitude: 35.6762, longitude: 139.6503 };

function start(members: readonly Member[], config: Json = {}): Promise<Cluster> {
  return Cluster.start(members, { config });
}

async function ask(cluster: Cluster, body?: Json): Promise<string> {
  const answer = await cluster.server.call("POST", "/", body === undefined ? {} : { json: body });
  return answer.status === 200 ? answer.text : `${answer.status}`;
}

async function route(cluster: Cluster, tier: string): Promise<number> {
  return (await cluster.server.call("POST", "/route", { json: { tier } })).status;
}

test("a place in a proxied JSON body draws the request near", async () => {
  await using cluster = await start([
    { name: "paris", agent: { ...PARIS, cpu: 50 } },
    { name: "tokyo", agent: { ...TOKYO, cpu: 5 } },
  ]);
  expect(await ask(cluster, { client_lat: 51.5, client_lon: -0.1 })).toBe("paris");
  expect(await ask(cluster, { client_lat: 34.7, client_lon: 135.5 })).toBe("tokyo");
  expect(await ask(cluster, { client_lat: 500, client_lon: "x" })).toBe("tokyo");
  expect(await ask(cluster)).toBe("tokyo");
});

test("a backend of unknown place counts as the median of the known, not as near", async () => {
  await using cluster = await start([
    { name: "nowhere", agent: { cpu: 1 } },
    { name: "paris", agent: { ...PARIS, cpu: 50 } },
    { name: "tokyo", agent: { ...TOKYO, cpu: 1 } },
  ]);
  const json = { tier: "lite", client_lat: 51.5, client_lon: -0.1 };
  const explained = record((await cluster.server.call("POST", "/route/explain", { json })).json);
  expect(explained.chosen).toBe("paris");
  const terms = new Map(
    records(explained.backends).map((each) => [each.client_id, number(record(each.terms).distance)]),
  );
  const middle = (Number(terms.get("paris")) + Number(terms.get("tokyo"))) / 2;
  expect(terms.get("nowhere")).toBeCloseTo(middle, 3);
});

test("score_weights decide what counts", async () => {
  const members: Member[] = [
    { name: "near", agent: { ...PARIS, cpu: 70 } },
    { name: "idle", agent: { ...TOKYO, cpu: 1 } },
  ];
  const body = { client_lat: 48.9, client_lon: 2.4 };
  await using usual = await start(members);
  expect(await ask(usual, body)).toBe("near");
  await using loadOnly = await start(members, { score_weights: { distance: 0 } });
  expect(await ask(loadOnly, body)).toBe("idle");
});

test("cpu_available_threshold_pct says which cores are free", async () => {
  const members: Member[] = [{ name: "b", agent: { cpu: [79.9, 80, 85] } }];
  await using usual = await start(members);
  expect(await route(usual, "medium")).toBe(503);
  expect(await route(usual, "lite")).toBe(200);
  await using lax = await start(members, { cpu_available_threshold_pct: 81 });
  expect(await route(lax, "medium")).toBe(200);
  expect(await route(lax, "lite")).toBe(503);
});

test("ties go to the fewest in flight", async () => {
  const held: Partial<Member> = {
    handle: async (request, backend) => {
      if (new URL(request.url).pathname === "/hold") await backend.gate.pass();
      return new Response(backend.name);
    },
  };
  await using cluster = await start([
    { ...held, name: "one" },
    { ...held, name: "two" },
  ]);
  const first = cluster.server.call("GET", "/hold");
  await cluster.backend("one").gate.waitFor(1);
  for (let round = 0; round < 3; round++) expect(await ask(cluster)).toBe("two");
  cluster.backend("one").gate.open();
  expect((await first).text).toBe("one");
});

test("sticky_ttl_seconds forgets a session that is not used", async () => {
  await using cluster = await start(
    [
      { name: "calm", agent: { cpu: 5, cores: 8 } },
      { name: "busy", agent: { cpu: 60, cores: 8 } },
    ],
    { sticky_header: "X-S", sticky_ttl_seconds: 1 },
  );
  const headers = { "X-S": "alice" };
  expect((await cluster.server.call("GET", "/", { headers })).text).toBe("calm");
  await cluster.agent("calm").report({ cpu_usage_avg: Array.from({ length: 8 }, () => 75) });
  expect((await cluster.server.call("GET", "/", { headers })).text).toBe("calm");
  // Each look keeps the session alive, so one look has to come after a silence of more than a second.
  await Bun.sleep(1200);
  await eventually(
    "a new choice",
    async () => (await cluster.server.call("GET", "/", { headers })).text === "busy",
  );
});

test("a route lease runs out by itself", async () => {
  await using cluster = await start([{ name: "b", agent: { cores: 1 } }], {
    pending_allocation_timeout_seconds: 1,
  });
  expect([await route(cluster, "lite"), await route(cluster, "lite")]).toEqual([200, 503]);
  await eventually("room again", async () => (await route(cluster, "lite")) === 200);
});

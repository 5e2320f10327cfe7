/** Sessions keep their backend: by header, by address, across tiers, for as long as it lives. */
import { expect, test } from "bun:test";
import { Cluster, type Member } from "../support/cluster.ts";
import type { Json } from "../support/json.ts";
import { record, string } from "../support/json.ts";

/** Two backends with room for `cores` each; the first is always the better one by load. */
function pair(cores = 8): Member[] {
  return [
    { name: "calm", agent: { cores, cpu: 5 } },
    { name: "busy", agent: { cores, cpu: 60 } },
  ];
}

function start(config: Json, members = pair()): Promise<Cluster> {
  return Cluster.start(members, { config });
}

/** The backend that answers, by the session and address given. */
async function ask(cluster: Cluster, headers: Record<string, string> = {}, path = "/"): Promise<string> {
  const answer = await cluster.server.call("GET", path, { headers });
  return answer.status === 200 ? answer.text : `${answer.status} ${answer.header("x-opsen-error")}`;
}

/** Makes the calm backend the worse one, so that whoever has a choice goes to the other. */
async function swap(cluster: Cluster): Promise<void> {
  await cluster.agent("calm").report({ cpu_usage_avg: Array.from({ length: 8 }, () => 70) });
}

test("a session by header stays when another backend becomes better", async () => {
  await using cluster = await start({ sticky_header: "X-Session-ID" });
  expect(await ask(cluster, { "X-Session-ID": "alice" })).toBe("calm");
  await swap(cluster);
  for (let round = 0; round < 10; round++) {
    expect(await ask(cluster, { "X-Session-ID": "alice" })).toBe("calm");
    expect(await ask(cluster, { "x-session-id": " alice " })).toBe("calm");
    expect(await ask(cluster, { "X-Session-ID": `new-${round}` })).toBe("busy");
    expect(await ask(cluster)).toBe("busy");
  }
});

test("without stickiness the header means nothing", async () => {
  await using cluster = await start({});
  expect(await ask(cluster, { "X-Session-ID": "alice" })).toBe("calm");
  await swap(cluster);
  expect(await ask(cluster, { "X-Session-ID": "alice" })).toBe("busy");
});

test("a session by address stays; with both, the header wins", async () => {
  await using cluster = await start({
    sticky_header: "X-Session-ID",
    sticky_by_ip: true,
    trusted_proxies: ["127.0.0.1"],
  });
  const anna = { "X-Forwarded-For": "203.0.113.1" };
  const bert = { "X-Forwarded-For": "203.0.113.2" };
  expect(await ask(cluster, anna)).toBe("calm");
  await swap(cluster);
  expect(await ask(cluster, anna)).toBe("calm");
  expect(await ask(cluster, bert)).toBe("busy");
  expect(await ask(cluster, { ...anna, "X-Session-ID": "fresh" })).toBe("busy");
});

test("/route keeps sessions by client_ip, and shares them with proxied requests", async () => {
  await using cluster = await start({ sticky_by_ip: true, trusted_proxies: ["127.0.0.1"] });
  const json = { tier: "lite", client_ip: "203.0.113.1" };
  const first = record((await cluster.server.call("POST", "/route", { json })).json);
  expect(first.client_id).toBe("calm");
  await swap(cluster);
  expect(record((await cluster.server.call("POST", "/route", { json })).json).client_id).toBe("calm");
  expect(await ask(cluster, { "X-Forwarded-For": "203.0.113.1" })).toBe("calm");
  const other = { ...json, client_ip: "203.0.113.2" };
  expect(record((await cluster.server.call("POST", "/route", { json: other })).json).client_id).toBe("busy");
});

test("tiers of one session prefer one backend, unless affinity is off", async () => {
  for (const [enabled, expected] of [
    [true, "calm"],
    [false, "busy"],
  ] as const) {
    await using cluster = await start({ sticky_header: "X-S", sticky_affinity_enabled: enabled });
    expect(await ask(cluster, { "X-S": "alice" }, "/?tier=lite")).toBe("calm");
    await swap(cluster);
    expect(await ask(cluster, { "X-S": "alice" }, "/?tier=medium")).toBe(expected);
    expect(await ask(cluster, { "X-S": "alice" }, "/?tier=lite")).toBe("calm");
  }
});

test("a live session needs no new room, and a full backend takes no new one", async () => {
  await using cluster = await start({ sticky_header: "X-S" }, [{ name: "only", agent: { cores: 1 } }]);
  const json = { tier: "lite" };
  const headers = { "X-S": "alice" };
  const first = await cluster.server.call("POST", "/route", { json, headers });
  const lease = string(record(first.json).lease_id);
  for (let round = 0; round < 3; round++) expect(await ask(cluster, headers)).toBe("only");
  await cluster.agent("only").report({ cpu_usage_avg: [99] });
  expect(await ask(cluster, headers)).toBe("only");
  expect(await ask(cluster, { "X-S": "bob" })).toBe("503 no_capacity");
  expect(record((await cluster.server.call("GET", "/leases")).json)).toMatchObject({
    total: 1,
    leases: [{ lease_id: lease }],
  });
});

test("a session moves when its backend goes, and does not come back by itself", async () => {
  await using cluster = await start({ sticky_header: "X-S" });
  expect(await ask(cluster, { "X-S": "alice" })).toBe("calm");
  await cluster.agent("calm").remove();
  expect(await ask(cluster, { "X-S": "alice" })).toBe("busy");
  await cluster.agent("calm").register();
  await cluster.agent("calm").report();
  expect(await ask(cluster, { "X-S": "alice" })).toBe("busy");
  expect(await ask(cluster, { "X-S": "new" })).toBe("calm");
});

test("a session lives across workers: any connection sees it", async () => {
  await using cluster = await Cluster.start(pair(), { config: { sticky_header: "X-S", workers: 4 } });
  expect(await ask(cluster, { "X-S": "alice" })).toBe("calm");
  await swap(cluster);
  // Each call is a connection of its own, which the kernel gives to any of the four workers.
  for (let round = 0; round < 24; round++) expect(await ask(cluster, { "X-S": "alice" })).toBe("calm");
});

test("an id of any length and content is an id", async () => {
  await using cluster = await start({ sticky_header: "X-S" });
  const ids = ["x".repeat(4000), `${"x".repeat(3999)}y`, "\u00e9", "a,b;c=d", "{}"];
  for (const id of ids) expect(await ask(cluster, { "X-S": id })).toBe("calm");
  await swap(cluster);
  for (const id of ids) expect(await ask(cluster, { "X-S": id })).toBe("calm");
  expect(await ask(cluster, { "X-S": `${"x".repeat(3999)}z` })).toBe("busy");
});

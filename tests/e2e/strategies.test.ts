/** Strategies by path, by tier and from the environment, over real sockets and two workers. */
import { afterAll, describe, expect, test } from "bun:test";
import { Cluster } from "../support/cluster.ts";
import { Gate } from "../support/http-backend.ts";
import { record, records, string } from "../support/json.ts";
import { TestServer } from "../support/server.ts";

const NAMES = ["a", "b", "c"];
const gate = new Gate();
const cluster = await Cluster.start(
  NAMES.map((name) => ({
    name,
    handle: async (request: Request) => {
      if (new URL(request.url).pathname.startsWith("/busy/held")) await gate.pass();
      return new Response(name);
    },
    // Idle is b; the others are busier each by far.
    agent: { cores: 32, cpu: name === "b" ? 5 : 60 },
  })),
  {
    env: { LB_STRATEGY: "roundrobin" },
    config: {
      tiers: [{ name: "base" }, { name: "room", strategy: "resource" }],
      default_tier: "base",
      ip_hash_header: "X-User",
      proxy_endpoints: [
        "/",
        { path: "/busy", strategy: "leastconnections" },
        { path: "/user", strategy: "ip_hash" },
      ],
    },
  },
);
const { server } = cluster;

afterAll(async () => {
  gate.open();
  await cluster[Symbol.asyncDispose]();
});

async function ask(path: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await server.call("GET", path, { headers });
  expect(answer.status).toBe(200);
  return answer.text;
}

async function explain(asked: Record<string, string>): Promise<ReturnType<typeof record>> {
  return record((await server.call("POST", "/route/explain", { json: asked })).json);
}

async function route(path: string): Promise<string> {
  const json = { tier: "room", path };
  const answer = await server.call("POST", "/route", { json, headers: { "X-User": "anna" } });
  const body = record(answer.json);
  await server.call("DELETE", `/leases/${string(body.lease_id)}`);
  return string(body.client_id);
}

describe("the strategy", () => {
  test("of LB_STRATEGY holds in all workers together", async () => {
    const answers: string[] = [];
    for (let turn = 0; turn < 12; turn++) answers.push(await ask("/x"));
    const [first = "", second = "", third = ""] = answers;
    expect([first, second, third].toSorted()).toEqual(NAMES);
    expect(answers).toEqual(Array.from({ length: 4 }, () => [first, second, third]).flat());
    expect((await explain({ path: "/x" })).strategy).toBe("round_robin");
    const ready = await server.log("the start", ({ message }) => String(message).endsWith("is ready"));
    expect(record(ready.data).strategy).toBe("round_robin");
  });

  test("of a tier goes before that", async () => {
    const answers = new Set<string>();
    for (let turn = 0; turn < 6; turn++) answers.add(await ask("/x", { "X-Tier": "room" }));
    expect([...answers]).toEqual(["b"]);
    expect(await explain({ tier: "room" })).toMatchObject({ strategy: "resource", chosen: "b" });
  });

  test("of a path goes before that of the tier", async () => {
    const user = { "X-User": "anna", "X-Tier": "room" };
    const answers = new Set<string>();
    for (let turn = 0; turn < 6; turn++) answers.add(await ask("/user/1", user));
    expect(answers.size).toBe(1);
    const users = Array.from({ length: 40 }, (_, index) => ask("/user", { "X-User": `user-${index}` }));
    expect([...new Set(await Promise.all(users))].toSorted()).toEqual(NAMES);
    expect((await explain({ tier: "room", path: "/user/1?x" })).strategy).toBe("ip_hash");
  });

  test("least_connections passes those over that are busy", async () => {
    const held = [server.call("GET", "/busy/held"), server.call("GET", "/busy/held")];
    await gate.waitFor(2);
    const explained = await explain({ path: "/busy" });
    const idle = records(explained.backends).filter((backend) => backend.score === 0);
    expect(idle).toHaveLength(1);
    const name = string(idle[0]?.client_id);
    expect(explained.chosen).toBe(name);
    for (let turn = 0; turn < 6; turn++) expect(await ask("/busy/now")).toBe(name);
    gate.open();
    const answers = await Promise.all(held);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  test("of a route is that of its path too", async () => {
    expect(await route("/user/1")).toBe(await ask("/user/1", { "X-User": "anna" }));
    expect(await route("/other")).toBe("b");
  });
});

test("a strategy that does not exist is named, and the server does not start", async () => {
  const failure = await TestServer.start({ config: { strategy: "leest_time" } }).then(
    () => "it started",
    (error: unknown) => String(error),
  );
  expect(failure).toContain("did you mean least_time?");
});

test("a change while serving counts from the next request on, in every worker", async () => {
  const members = NAMES.map((name) => ({ name, agent: { cores: 32 } }));
  await using fleet = await Cluster.start(members, { config: { strategy: "round_robin" } });
  const set = async (strategy: string): Promise<number> =>
    (await fleet.server.call("PATCH", "/config", { json: { set: { strategy }, persist: false } })).status;
  const twelve = async (): Promise<Set<string>> => {
    const answers = Array.from({ length: 12 }, () => fleet.server.call("GET", "/"));
    return new Set((await Promise.all(answers)).map(({ text }) => text));
  };
  expect((await twelve()).size).toBe(3);
  expect(await set("iphash")).toBe(200);
  expect((await twelve()).size).toBe(1);
  expect(await set("roundrobbin")).toBe(400);
  expect(await set("weighted")).toBe(200);
  expect((await twelve()).size).toBe(3);
});

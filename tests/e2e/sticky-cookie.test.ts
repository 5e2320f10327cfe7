/** Sessions by cookie over restarts and over several servers. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import type { Json } from "../support/json.ts";
import { TestServer } from "../support/server.ts";

const COOKIE = { sticky_cookie: "lb" };

async function ask(server: TestServer, cookie = ""): Promise<{ text: string; cookie: string }> {
  const answer = await server.call("GET", "/", { headers: cookie === "" ? {} : { Cookie: cookie } });
  return { text: answer.text, cookie: answer.header("Set-Cookie")?.split(";")[0] ?? "" };
}

/** Lets the backends report to a server; the best one is the one without work. */
async function enter(
  server: TestServer,
  backends: readonly HttpBackend[],
  best: string,
): Promise<FakeAgent[]> {
  const agents: FakeAgent[] = [];
  for (const { name, url } of backends) {
    agents.push(await FakeAgent.join(server, { id: name, endpoint: url, cpu: name === best ? 5 : 60 }));
  }
  return agents;
}

test("the server's own key outlives a power cut", async () => {
  await using calm = new HttpBackend({ name: "calm" });
  await using busy = new HttpBackend({ name: "busy" });
  await using server = await TestServer.start({ config: COOKIE });
  const [calmAgent, busyAgent] = await enter(server, [calm, busy], "busy");
  const first = await ask(server);
  expect(first.text).toBe("busy");
  await server.killHard();
  await server.restart();
  await calmAgent?.report({ cpu_usage_avg: [5, 5, 5, 5] });
  await busyAgent?.report({ cpu_usage_avg: [60, 60, 60, 60] });
  expect((await ask(server)).text).toBe("calm");
  expect(await ask(server, first.cookie)).toEqual({ text: "busy", cookie: "" });
});

test("two servers with one key serve one browser, whichever it reaches; without one they do not", async () => {
  await using calm = new HttpBackend({ name: "calm" });
  await using busy = new HttpBackend({ name: "busy" });
  const shared = { ...COOKIE, sticky_cookie_key: "known to both servers" };
  for (const [config, met] of [
    [shared, "busy"],
    [COOKIE, "calm"],
  ] as readonly (readonly [Json, string])[]) {
    await using first = await TestServer.start({ config });
    await using second = await TestServer.start({ config });
    await enter(first, [calm, busy], "busy");
    await enter(second, [calm, busy], "calm");
    const { cookie } = await ask(first);
    expect((await ask(second, cookie)).text).toBe(met);
  }
});

test("a key in a file is the same as one in the configuration", async () => {
  await using calm = new HttpBackend({ name: "calm" });
  await using server = await TestServer.start({
    config: { ...COOKIE, sticky_cookie_key: "known to both servers" },
  });
  const [agent] = await enter(server, [calm], "calm");
  const { cookie } = await ask(server);
  writeFileSync(join(server.dir, "cookie.key"), "known to both servers\n");
  await server.restart({ sticky_cookie_key: null, sticky_cookie_key_file: "cookie.key" });
  await agent?.report();
  expect(await ask(server, cookie)).toEqual({ text: "calm", cookie: "" });
});

test("a header that names sessions from now on does so beside a cookie", async () => {
  await using calm = new HttpBackend({ name: "calm" });
  await using server = await TestServer.start({ config: COOKIE });
  await enter(server, [calm], "calm");
  const headers = { "X-User": "ann" };
  expect((await server.call("GET", "/", { headers })).header("Set-Cookie")).not.toBeNull();
  await server.call("PATCH", "/config", { json: { set: { sticky_header: "X-User" } } });
  expect((await server.call("GET", "/", { headers })).header("Set-Cookie")).toBeNull();
});

/** `GET /health`, `GET /ready` and the API description. */
import { afterAll, expect, test } from "bun:test";
import { FakeAgent } from "../support/fake-agent.ts";
import { record, string } from "../support/json.ts";
import { expectProblem } from "../support/problem.ts";
import { TestServer } from "../support/server.ts";

const server = await TestServer.start();
afterAll(() => server[Symbol.asyncDispose]());

test("health counts the backends and is ok without any", async () => {
  const empty = await server.call("GET", "/health");
  expect(empty.status).toBe(200);
  expect(empty.header("content-type")).toStartWith("application/json");
  const body = record(empty.json);
  expect(body).toMatchObject({ status: "ok", total_clients: 0, active_clients: 0 });
  expect(Math.abs(Date.parse(string(body.timestamp)) - Date.now())).toBeLessThan(60_000);

  const agent = await FakeAgent.join(server, { id: "h1", endpoint: "http://127.0.0.1:9001" });
  expect(record((await server.call("GET", "/health")).json)).toMatchObject({
    total_clients: 1,
    active_clients: 1,
  });
  await agent.remove();
});

test("ready follows whether any backend is routable", async () => {
  const problem = expectProblem(await server.call("GET", "/ready"), 503);
  expect(string(problem.detail)).not.toBe("");
  const agent = new FakeAgent(server, { id: "h2", endpoint: "http://127.0.0.1:9001" });
  await agent.register();
  expect((await server.call("GET", "/ready")).status).toBe(503);
  await agent.report();
  expect((await server.call("GET", "/ready")).status).toBe(200);
  await agent.remove();
  expect((await server.call("GET", "/ready")).status).toBe(503);
});

test("the API describes itself, without anything from elsewhere", async () => {
  const page = await server.call("GET", "/swagger");
  expect(page.status).toBe(200);
  expect(page.header("content-type")).toStartWith("text/html");
  const sources = [...page.text.matchAll(/(?:src|href)\s*=\s*["']?(https?:)?\/\/([^"'\s>]+)/g)];
  expect(sources.map((each) => each[2])).toEqual([]);
  expect(page.text).not.toMatch(/cdn\.|unpkg|jsdelivr|googleapis/);
  const assets = [...page.text.matchAll(/<(?:script|link)[^>]*?(?:src|href)=["']([^"']+)["']/g)];
  for (const [, path = ""] of assets) {
    if (path.startsWith("data:")) continue;
    const absolute = new URL(path, "http://t/swagger").pathname;
    expect({ absolute, status: (await server.call("GET", absolute)).status }).toEqual({
      absolute,
      status: 200,
    });
  }

  const description = record((await server.call("GET", "/swagger/json")).json);
  expect(string(description.openapi)).toStartWith("3.");
  const paths = Object.keys(record(description.paths));
  for (const path of ["/register", "/stats", "/route", "/route/explain", "/clients", "/leases", "/health"]) {
    expect(paths).toContain(path);
  }
});

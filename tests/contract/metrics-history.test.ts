/** `GET /metrics/history`: what the figures were. */
import { expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { array, record } from "../support/json.ts";
import { expectProblem } from "../support/problem.ts";
import { TestServer } from "../support/server.ts";

/** Requests in a history: steps are about a second long, on a busy machine only about. */
function served(entry: Record<string, unknown>): number {
  return array(entry.rate).reduce<number>((sum, rate) => sum + Number(rate ?? 0), 0);
}

const SERIES = ["rate", "error_rate", "p50_ms", "p90_ms", "p99_ms", "in_flight"];

test("requests show up in the history of all and of their backend, and in no other", async () => {
  await using backend = new HttpBackend({ name: "b" });
  await using server = await TestServer.start();
  await FakeAgent.join(server, { id: "b", endpoint: backend.url, cpu: 0 });
  await FakeAgent.join(server, { id: "idle", endpoint: backend.url, cpu: 99, cores: 1 });
  const history = async (query: string) =>
    record((await server.call("GET", `/metrics/history?${query}`)).json);
  // The first step of a backend begins when it is first seen.
  await eventually("the backend has a history", async () => {
    const answer = await server.call("GET", "/metrics/history?backend=b&window=60");
    return answer.status === 200 && array(record(answer.json).rate).some((rate) => rate !== null);
  });
  for (let count = 0; count < 10; count++) expect((await server.call("GET", "/x")).status).toBe(200);
  await eventually(
    "ten requests in the history of the backend",
    async () => served(await history("backend=b&window=60")) > 0,
  );
  const all = await history("window=60");
  expect(all).toMatchObject({ backend: null, step_seconds: 1 });
  expect(Math.abs(Date.parse(String(all.end)) - Date.now())).toBeLessThan(60_000);
  for (const name of SERIES) expect(array(all[name])).toHaveLength(60);
  expect(served(all)).toBeGreaterThan(0);
  expect(array(all.p50_ms).some((ms) => Number(ms) > 0)).toBe(true);
  expect(served(await history("backend=idle&window=60"))).toBe(0);
  const long = await history("window=86400");
  expect(long.step_seconds).toBe(15);
  expect(array(long.rate)).toHaveLength(5760);
});

test("what is asked wrongly is told", async () => {
  await using server = await TestServer.start({ config: { metrics_retention_hours: 1 } });
  for (const window of ["0", "-5", "x", "3601", "1e3"]) {
    const problem = expectProblem(await server.call("GET", `/metrics/history?window=${window}`), 400);
    expect(problem.detail).toContain("from 1 to 3600");
  }
  expect((await server.call("GET", "/metrics/history?window=3600")).status).toBe(200);
  expectProblem(await server.call("GET", "/metrics/history?backend=nobody"), 404);
});

test("the history needs the scope read", async () => {
  const read = "r".repeat(40);
  const metrics = "m".repeat(40);
  await using server = await TestServer.start({
    config: {
      server_key: "k".repeat(40),
      metrics_history_backends: 0,
      api_keys: [
        { key: read, scopes: ["read"] },
        { key: metrics, scopes: ["metrics"] },
      ],
    },
  });
  const status = async (path: string, key: string): Promise<number> =>
    (await server.call("GET", path, { headers: { "X-API-Key": key } })).status;
  expect(await status("/metrics/history", read)).toBe(200);
  expect(await status("/metrics/history", metrics)).toBe(403);
  expect(await status("/metrics", metrics)).toBe(200);
  expect(await status("/clients", metrics)).toBe(403);
});

/** `GET /metrics`, and what refusals do to it and to the log. */
import { expect, test } from "bun:test";
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { call, openClient } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

/** Series with their values; fails on a line that the format does not have, or a family told twice. */
async function scrape(server: TestServer): Promise<ReadonlyMap<string, number>> {
  const answer = await server.call("GET", "/metrics");
  expect(answer.status).toBe(200);
  expect(answer.header("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const series = new Map<string, number>();
  let family = "";
  for (const line of answer.text.trimEnd().split("\n")) {
    const [, kind, name = ""] = /^# (HELP|TYPE) ([a-z_:][a-z0-9_:]*) \S/.exec(line) ?? [];
    if (kind === "HELP") family = name;
    else if (kind === "TYPE") {
      expect(name).toBe(family);
      expect(line).toMatch(/ (?:counter|gauge)$/);
    } else {
      const sample = /^([a-z_:][a-z0-9_:]*)(\{[a-z_]+="[^"\\]*"\})? (\d+(?:\.\d+)?)$/.exec(line);
      expect({ line, fits: sample !== null }).toEqual({ line, fits: true });
      expect(sample?.[1]).toBe(family);
      const key = `${sample?.[1]}${sample?.[2] ?? ""}`;
      expect(series.has(key)).toBe(false);
      series.set(key, Number(sample?.[3]));
    }
  }
  return series;
}

test("every counter is there from the start, and requests move them", async () => {
  await using backend = new HttpBackend({ name: "b" });
  await using server = await TestServer.start();
  const before = await scrape(server);
  expect(before.get("opsen_picks_total")).toBe(0);
  expect(before.get('opsen_errors_total{code="no_backend"}')).toBe(0);
  expect(before.get("opsen_backends")).toBe(0);
  await server.call("GET", "/x");
  await FakeAgent.join(server, { id: "b", endpoint: backend.url });
  for (let count = 0; count < 3; count++) expect((await server.call("GET", "/x")).status).toBe(200);
  await server.call("GET", "/x?tier=nonsense");
  const after = await scrape(server);
  const moved = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  expect(moved('opsen_errors_total{code="no_backend"}')).toBe(1);
  expect(moved('opsen_errors_total{code="unknown_tier"}')).toBe(1);
  expect(moved("opsen_picks_total")).toBe(4);
  expect(moved("opsen_picks_no_backend_total")).toBe(1);
  expect(moved("opsen_backends")).toBe(1);
  expect(moved("opsen_backends_active")).toBe(1);
  expect(after.get("opsen_degraded")).toBe(0);
  expect([...after.keys()].toSorted()).toEqual([...before.keys()].toSorted());
});

test("a flood of bad requests is counted to the last one, and is none of lines", async () => {
  const floods = [
    ["bad_request", "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
    ["uri_too_long", `GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
    ["not_implemented", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501],
    ["no_backend", "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 503],
  ] as const;
  const each = 500;
  await using server = await TestServer.start({ config: { log_level: "info" } });
  for (const [, bytes, status] of floods) {
    for (let count = 0; count < each; count++) {
      await using client = await openClient(server.target);
      await client.send(bytes);
      expect((await client.readResponse("GET")).startLine).toContain(` ${status} `);
    }
  }
  const series = await scrape(server);
  for (const [code] of floods) expect(series.get(`opsen_errors_total{code="${code}"}`)).toBe(each);
  await server.stop();
  const lines = server.logs().filter((entry) => JSON.stringify(entry).includes('"code":"'));
  const suppressed = lines.reduce((sum, { data }) => sum + suppressedIn(data), 0);
  expect(lines.length).toBeGreaterThan(floods.length - 1);
  // At most ten a second for each code and worker, whatever the flood takes.
  expect(lines.length).toBeLessThan((each * floods.length) / 2);
  expect(suppressed + lines.length).toBeLessThanOrEqual(each * floods.length);
});

test("metrics need the scope read, and stay the same in number whatever is asked", async () => {
  await using server = await TestServer.start({
    config: { server_key: "k".repeat(40), api_keys: [{ key: "r".repeat(40), scopes: ["read"] }] },
  });
  expect((await server.call("GET", "/metrics")).status).toBe(401);
  const ask = () => call(server.target, "GET", "/metrics", { headers: { "X-API-Key": "r".repeat(40) } });
  const before = (await ask()).text.split("\n").length;
  for (let count = 0; count < 300; count++) await server.call("GET", `/path-${count}`);
  const after = await ask();
  expect(after.text.split("\n").length).toBe(before);
  expect(after.text).not.toContain("path-");
});

function suppressedIn(data: unknown): number {
  const [, count = "0"] = /"suppressed":(\d+)/.exec(JSON.stringify(data)) ?? [];
  return Number(count);
}

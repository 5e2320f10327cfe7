import { expect, test } from "bun:test";
import { RawBackend, refusingPort } from "../../../support/raw-backend.ts";
import { call, openClient } from "../../../support/raw-client.ts";
import { Cell } from "../cell.ts";

async function route(cell: Cell, json: unknown, headers: Record<string, string> = {}) {
  const got = await call({ port: cell.port }, "POST", "/route", { json, headers });
  const routed = (name: string) => fieldOf(got.json, name);
  return { status: got.status, routed, answer: got };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

test("a route reserves capacity until it is released, and can be renewed", async () => {
  await using cell = await Cell.start();
  const { row } = cell.add({ ports: [9], cores: 4, id: "only" });
  const first = await route(cell, { tier: "large" });
  expect(first.status).toBe(200);
  expect(first.routed("client_id")).toBe("only");
  expect(first.routed("endpoint")).toBe("http://127.0.0.1:9");
  expect(first.routed("expires_in_seconds")).toBe(120);
  expect(first.answer.json).not.toHaveProperty("distance_km");
  expect(cell.tables.backends.leasedCores(row)).toBe(4);
  const full = await route(cell, { tier: "lite" });
  expect(full.status).toBe(503);
  expect(full.answer.header("Retry-After")).not.toBeNull();
  expect(full.answer.text).toContain("1 by cpu");
  const path = `/leases/${first.routed("lease_id")}`;
  const renewed = await call({ port: cell.port }, "PUT", path);
  expect(renewed.status).toBe(200);
  expect(renewed.json).toMatchObject({ client_id: "only", tier: "large", kind: "route" });
  expect((await call({ port: cell.port }, "DELETE", path)).status).toBe(204);
  expect((await call({ port: cell.port }, "DELETE", path)).status).toBe(404);
  expect((await call({ port: cell.port }, "PUT", path)).status).toBe(404);
  expect(cell.tables.backends.leasedCores(row)).toBe(0);
});

test("what became of earlier requests on the connection does not touch a route's lease", async () => {
  await using cell = await Cell.start();
  await using client = await openClient({ port: cell.port });
  const routed = async (): Promise<string> => {
    const body = JSON.stringify({ tier: "large" });
    await client.send(`POST /route HTTP/1.1\r\nHost: t\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    return (await client.readResponse()).startLine.split(" ")[1] ?? "";
  };
  const proxied = async (): Promise<string> => {
    await client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    return (await client.readResponse()).startLine.split(" ")[1] ?? "";
  };
  expect(await proxied()).toBe("503");
  const { row } = cell.add({ ports: [await refusingPort()], cores: 8 });
  expect(await proxied()).toBe("502");
  for (const cores of [4, 8]) {
    expect(await routed()).toBe("200");
    expect(cell.tables.backends.leasedCores(row)).toBe(cores);
    expect(await proxied()).toBe(cores === 4 ? "502" : "503");
  }
  expect(await routed()).toBe("503");
});

test("bad input names the field and takes nothing", async () => {
  await using cell = await Cell.start();
  const { row } = cell.add({ ports: [9] });
  const unknown = await route(cell, { tier: "huge" });
  expect(unknown.status).toBe(400);
  expect(unknown.answer.text).toContain("lite, large");
  const wrong = await route(cell, { tier: 7, client_lat: 91 });
  expect(wrong.status).toBe(400);
  expect(wrong.answer.text).toContain('"field":"tier"');
  expect(wrong.answer.text).toContain('"field":"client_lat"');
  for (const [field, body] of [
    ["path", { path: "nope" }],
    ["client_lon", { client_lat: 1 }],
    ["client_lat", { client_lon: 1, client_lat: null }],
    ["client_ip", { client_ip: "203.0.113.256" }],
  ] as const) {
    const { status, answer } = await route(cell, body);
    expect(status).toBe(400);
    expect(answer.text).toContain(`"field":"${field}"`);
  }
  for (const body of ["", "{", "[1]", "null"]) {
    const headers = { "Content-Type": "application/json" };
    expect((await call({ port: cell.port }, "POST", "/route", { body, headers })).status).toBe(400);
  }
  expect((await call({ port: cell.port }, "GET", "/route")).status).toBe(405);
  expect(cell.tables.backends.leasedCores(row)).toBe(0);
});

test("the same session keeps its lease, and the path chooses the endpoint", async () => {
  await using cell = await Cell.start({ config: { sticky_header: "X-Session" } });
  const { row } = cell.add({ ports: [9, 10], patterns: [["/api"], ["/ws/*"]] });
  const session = { "X-Session": "abc" };
  const first = await route(cell, { path: "/ws/x?y" }, session);
  const second = await route(cell, { path: "/api" }, session);
  expect(first.routed("endpoint")).toBe("http://127.0.0.1:10");
  expect(second.routed("endpoint")).toBe("http://127.0.0.1:9");
  expect(second.routed("lease_id")).toBe(first.routed("lease_id"));
  expect(cell.tables.backends.leasedCores(row)).toBe(1);
  await cell[Symbol.asyncDispose]();
  expect(cell.messages.filter((message) => message.type === "sticky")).toMatchObject([
    { assignments: [{ stickyId: "abc", tier: 0, row }] },
  ]);
});

test("the tier comes from the JSON body, else the query, else the header", async () => {
  await using backend = await RawBackend.start();
  await using cell = await Cell.start();
  cell.add({ ports: [backend.port], cores: 2 });
  const target = { port: cell.port };
  const full = [
    call(target, "POST", "/?tier=lite", { json: { x: { tier: "lite" }, tier: "large" } }),
    call(target, "GET", "/?a=b&tier=large"),
    call(target, "GET", "/", { headers: { "X-Tier": "large" } }),
  ];
  for (const got of await Promise.all(full)) expect(got.status).toBe(503);
  expect((await call(target, "GET", "/?tier=lite", { headers: { "X-Tier": "large" } })).status).toBe(200);
  const sent = JSON.stringify({ filler: "x".repeat(3000), tier: "lite" });
  const passed = await call(target, "POST", "/", {
    body: sent,
    headers: { "Content-Type": "application/json" },
  });
  expect(passed.status).toBe(200);
  expect(backend.requests.at(-1)?.body.toString()).toBe(sent);
  const unknown = await call(target, "POST", "/", { json: { tier: "none" } });
  expect(unknown.status).toBe(400);
  expect(unknown.header("X-Opsen-Error")).toBe("unknown_tier");
  // A body that is not JSON is none of our business.
  expect((await call(target, "POST", "/", { body: '{"tier":"none"}' })).status).toBe(200);
});

test("absent may be written as null", async () => {
  await using cell = await Cell.start();
  cell.add({ ports: [9] });
  const nothing = { tier: null, client_ip: null, client_lat: null, client_lon: null, path: null };
  expect((await route(cell, nothing)).status).toBe(200);
});

test("patterns that take the number of forgotten ones are those that count", async () => {
  await using cell = await Cell.start();
  const first = cell.add({ ports: [9], patterns: [["/a"]], group: 1 });
  cell.remove(first.row);
  cell.add({ ports: [10, 11], patterns: [["/b"], ["/c"]], group: 1 });
  expect((await route(cell, { path: "/c/x" })).routed("endpoint")).toBe("http://127.0.0.1:11");
});

test("the warning of a refusal names filters alone", async () => {
  await using cell = await Cell.start();
  cell.add({ ports: [9], cores: 0 });
  expect((await route(cell, {})).status).toBe(503);
  await cell[Symbol.asyncDispose]();
  expect(cell.log).toContain("cpu=1 memory=0 disk=0 gpu=0 backup=0 total=1\n");
});

test("between the announcement of new endpoints and the table the endpoint is one of the new", async () => {
  await using cell = await Cell.start();
  const added = cell.add({ ports: [9, 10, 11], patterns: [["/a"], ["/b"], ["/c"]] });
  cell.announce(added, { ports: [12, 13], patterns: [["/c"], ["/a"]] });
  expect((await route(cell, { path: "/c" })).routed("endpoint")).toBe("http://127.0.0.1:12");
  expect((await route(cell, { path: "/a" })).routed("endpoint")).toBe("http://127.0.0.1:13");
});

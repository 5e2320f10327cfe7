/** Obligations C-46, C-47 and C-49 to C-57: aborted uploads, retries, pooled connections. */
import { afterAll, expect, test } from "bun:test";
import { RawClient } from "../../conformance/raw.ts";
import { readRequests, readResponses, type StrictReading, statusOf } from "../../conformance/strict.ts";
import { Behind } from "../../support/behind.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeAgent } from "../../support/fake-agent.ts";
import { answer, type RawBackendOptions, refusingPort } from "../../support/raw-backend.ts";
import { seeded } from "../../support/seeded.ts";
import { TestServer } from "../../support/server.ts";
import { unexpected } from "./known-failures.ts";

const server = await TestServer.start({
  config: { workers: 1, request_timeout_seconds: 1, connect_timeout_seconds: 1 },
});
afterAll(() => server[Symbol.asyncDispose]());

/** The backend that is chosen first, and the one that could help. */
async function pair(first: RawBackendOptions): Promise<AsyncDisposable & { first: Behind; second: Behind }> {
  const one = await Behind.start(server, first, { cpu: 1 });
  const two = await Behind.start(
    server,
    { respond: (_request, wire) => answer(wire, 200, "second") },
    { cpu: 70 },
  );
  return {
    first: one,
    second: two,
    [Symbol.asyncDispose]: async () => {
      await one[Symbol.asyncDispose]();
      await two[Symbol.asyncDispose]();
    },
  };
}

/** Sends octets and gives back all responses up to the first final one, or the end. */
async function exchange(octets: string): Promise<StrictReading> {
  await using client = await RawClient.open(server.port);
  await client.send(octets);
  const read = (): StrictReading => readResponses(client.got, ["GET"], client.ending === "fin");
  expect(await client.until(() => read().messages.some((each) => statusOf(each) >= 200))).toBe(true);
  return read();
}

function statuses(reading: StrictReading): number[] {
  return reading.messages.map(statusOf);
}

const plain = (method: string, body = ""): string =>
  `${method} /r HTTP/1.1\r\nHost: t\r\n${body === "" ? "" : `Content-Length: ${body.length}\r\n`}\r\n${body}`;

/** Reads the request and ends the connection by RST, after writing what is given. */
const resetting = (octets = ""): RawBackendOptions => ({
  respond: async (_request, wire) => {
    await wire.send(octets);
    wire.reset();
    return false;
  },
});

test.each(["length", "chunked"])(
  "C-46 an upload (%s) that its client resets is never completed",
  async (kind) => {
    await using behind = await Behind.start(server);
    await using client = await RawClient.open(server.port);
    const framing = kind === "length" ? "Content-Length: 100" : "Transfer-Encoding: chunked";
    await client.send(
      `POST /up HTTP/1.1\r\nHost: t\r\n${framing}\r\n\r\n${kind === "length" ? "" : "5\r\n"}hello\r\n`,
    );
    const backend = await eventually("the upload's beginning", () =>
      behind.backend.connections.find((wire) => wire.log.includes("hello")),
    );
    client.reset();
    await eventually("the end of the backend's request", () => backend.ending);
    const { messages, fault } = readRequests(backend.log.toString("latin1"));
    expect([messages, fault]).toEqual([[], null]);
  },
);

test("C-47 a response that nobody asked for reaches nobody", async () => {
  await using behind = await Behind.start(server, { respond: (_request, wire) => answer(wire, 200, "own") });
  for (let round = 0; round < 5; round++) {
    const { messages } = await exchange(plain("GET"));
    expect(messages.map((each) => each.body)).toEqual(["own"]);
    const idle = behind.backend.connections.at(-1);
    await idle?.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    await eventually("the end of that connection", () => idle?.ending);
  }
  expect(behind.backend.connections).toHaveLength(5);
});

test.each(["GET", "POST", "PUT", "DELETE"])(
  "C-49 %s moves on when a connection is refused",
  async (method) => {
    await using behind = await Behind.start(server, {}, { cpu: 70 });
    const endpoint = `http://127.0.0.1:${await refusingPort()}`;
    const dead = await FakeAgent.join(server, { id: "refuses", endpoint, cpu: 1 });
    expect(statuses(await exchange(plain(method, "body")))).toEqual([200]);
    expect(behind.backend.requests.map((each) => each.body.toString())).toEqual(["body"]);
    await dead.remove();
  },
);

test.each(["POST", "PATCH", "FOO"])("C-50 %s that was sent is executed once at most", async (method) => {
  await using both = await pair(resetting());
  expect(statuses(await exchange(plain(method, "body")))).toEqual([502]);
  expect([both.first.backend.requests.length, both.second.backend.requests.length]).toEqual([1, 0]);
});

test("C-51 GET that met a reset is asked once more, elsewhere", async () => {
  await using both = await pair(resetting());
  const { messages } = await exchange(plain("GET"));
  const got = messages.map((each) => `${statusOf(each)} ${each.body}`);
  const verdict = got.length === 1 && got[0] === "200 second" ? null : JSON.stringify(got);
  expect(unexpected("C-51", verdict)).toBeNull();
  expect(both.first.backend.requests.length + both.second.backend.requests.length).toBeLessThanOrEqual(2);
});

test.each(["PUT", "DELETE"])("C-52 %s whose body has begun to flow is not asked again", async (method) => {
  await using both = await pair({
    script: async (wire) => {
      await wire.readThrough("\r\n\r\n");
      await wire.readBytes(1000);
      wire.reset();
    },
  });
  const begun = `${method} /r HTTP/1.1\r\nHost: t\r\nContent-Length: 5000000\r\n\r\n${"x".repeat(300_000)}`;
  expect(statuses(await exchange(begun))).toEqual([502]);
  expect(both.second.backend.connections).toHaveLength(0);
});

test.each([
  ["in the status line", "HTTP/1.1 2"],
  ["in the head", "HTTP/1.1 200 OK\r\nContent-Le"],
  ["in the body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfirst"],
])("C-53 a response that is cut %s is neither asked for again nor merged", async (_where, octets) => {
  await using both = await pair(resetting(octets));
  await using client = await RawClient.open(server.port);
  await client.send(plain("GET"));
  const read = (): StrictReading => readResponses(client.got, ["GET"], client.ending === "fin");
  await client.until(() => read().messages.length > 0);
  expect(statuses(read()).every((status) => status === 502)).toBe(true);
  expect(client.got).not.toContain("second");
  expect([both.first.backend.requests.length, both.second.backend.requests.length]).toEqual([1, 0]);
});

test("C-54 retries end", async () => {
  const all = await Promise.all(Array.from({ length: 6 }, () => Behind.start(server, resetting())));
  expect(statuses(await exchange(plain("GET")))).toEqual([502]);
  const asked = all.reduce((sum, each) => sum + each.backend.requests.length, 0);
  for (const each of all) await each[Symbol.asyncDispose]();
  expect(asked).toBeGreaterThanOrEqual(1);
  expect(asked).toBeLessThanOrEqual(3);
});

/** Ends each connection at some moment within 2 ms after its answer: often just when it is asked again. */
function fleeting(seed: number): RawBackendOptions {
  const random = seeded(seed);
  return {
    respond: async (_request, wire) => {
      await answer(wire, 200, "own");
      setTimeout(() => wire.finish(), random.below(3));
      return true;
    },
  };
}

test("C-55 GET: a kept connection that ends when it is reused is nobody's error", async () => {
  await using behind = await Behind.start(server, fleeting(55));
  await using client = await RawClient.open(server.port);
  for (let round = 1; round <= 300; round++) {
    await client.send(plain("GET"));
    const read = (): StrictReading => readResponses(client.got, [], false);
    await client.until(() => read().messages.length === round);
    expect(statuses(read()).filter((status) => status !== 200)).toEqual([]);
  }
  expect(behind.backend.connections.length).toBeGreaterThan(50);
});

test("C-56 POST: the same, and nothing is executed twice", async () => {
  await using behind = await Behind.start(server, fleeting(56));
  for (let round = 1; round <= 200; round++) {
    const { messages } = await exchange(plain("POST", `id-${round}`));
    expect([200, 502]).toContain(messages.map(statusOf)[0] ?? 0);
  }
  const bodies = behind.backend.requests.map((each) => each.body.toString());
  expect(new Set(bodies).size).toBe(bodies.length);
});

test("C-57 a pooled connection whose peer has gone silent fails in time and is let go", async () => {
  await using behind = await Behind.start(server, {
    respond: (request, wire) =>
      request.startLine.includes("/silent") ? new Promise(() => {}) : answer(wire, 200, "own"),
  });
  expect(statuses(await exchange(plain("GET")))).toEqual([200]);
  expect(statuses(await exchange("POST /silent HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"))).toEqual([
    504,
  ]);
  expect(statuses(await exchange(plain("GET")))).toEqual([200]);
  const [stale, fresh] = behind.backend.connections;
  await eventually("the end of the silent connection", () => stale?.ending);
  expect(fresh?.log.toString("latin1")).toContain("GET /r ");
});

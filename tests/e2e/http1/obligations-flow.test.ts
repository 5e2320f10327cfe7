/** Obligations C-62 to C-75 that need a script: interim floods, Expect, early answers, aborts, segmentation. */
import { afterAll, expect, test } from "bun:test";
import { judge } from "../../conformance/obligation.ts";
import { RawClient } from "../../conformance/raw.ts";
import { Stand } from "../../conformance/stand.ts";
import { readResponses, statusOf } from "../../conformance/strict.ts";
import { Behind } from "../../support/behind.ts";
import { eventually } from "../../support/eventually.ts";
import { answer } from "../../support/raw-backend.ts";
import { TestServer } from "../../support/server.ts";

const server = await TestServer.start({ config: { workers: 1, proxy_max_request_body_bytes: 0 } });
const stand = await Stand.start("kept");
afterAll(() => Promise.all([server, stand].map((each) => each[Symbol.asyncDispose]())));

function statusesOf(client: RawClient, method = "GET"): number[] {
  return readResponses(client.got, [method], false).messages.map(statusOf);
}

const isFinal = (status: number): boolean => status >= 200;

test("C-62 interim responses without end are a 502", async () => {
  const flood = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(10_000);
  await using behind = await Behind.start(server, {
    respond: (_request, wire) => wire.send(`${flood}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`),
  });
  await using client = await RawClient.open(server.port);
  await client.send("GET /x HTTP/1.1\r\nHost: t\r\n\r\n");
  await client.until(() => statusesOf(client).some(isFinal));
  const statuses = statusesOf(client);
  expect(statuses.filter(isFinal)).toEqual([502]);
  expect(statuses.length).toBeLessThan(1000);
  await eventually("the end of the backend's connection", () => behind.backend.connections[0]?.ending);
});

test("C-63 Expect: 100-continue is answered before the body has to come, once", async () => {
  await using behind = await Behind.start(server, {
    script: async (wire) => {
      await wire.readHead();
      await wire.send("HTTP/1.1 100 Continue\r\n\r\n");
      await answer(wire, 200, await wire.readBytes(4));
      await wire.readToEnd(60_000);
    },
  });
  await using client = await RawClient.open(server.port);
  await client.send("PUT /e HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  expect(await client.until(() => statusesOf(client).length > 0)).toBe(true);
  expect(statusesOf(client)).toEqual([100]);
  await client.send("body");
  expect(await client.until(() => statusesOf(client).some(isFinal))).toBe(true);
  expect(statusesOf(client)).toEqual([100, 200]);
  expect(behind.backend.faults).toEqual([]);
});

test("C-63 a client that does not wait gets its answer too", async () => {
  await using behind = await Behind.start(server, {
    respond: (request, wire) => answer(wire, 200, request.body),
  });
  await using client = await RawClient.open(server.port);
  await client.send("PUT /e HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody");
  expect(await client.until(() => statusesOf(client).some(isFinal))).toBe(true);
  expect(statusesOf(client).filter(isFinal)).toEqual([200]);
  expect(behind.backend.requests.map((each) => each.body.toString())).toEqual(["body"]);
});

test("C-69 a backend's refusal before the upload's end is the answer, and the upload stops", async () => {
  await using behind = await Behind.start(server, {
    script: async (wire) => {
      await wire.readHead();
      await wire.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
      wire.finish();
      await wire.readToEnd(60_000);
    },
  });
  await using client = await RawClient.open(server.port);
  await client.send("POST /u HTTP/1.1\r\nHost: t\r\nContent-Length: 100000000\r\n\r\n");
  const part = "x".repeat(65_536);
  while (client.ending === null && !statusesOf(client, "POST").some(isFinal)) await client.send(part);
  expect(statusesOf(client, "POST")).toEqual([413]);
  const got = await eventually("the end of the upload", () => behind.backend.connections[0]?.ending);
  expect(got).not.toBeNull();
  // The rest is drained for a while or the connection ends: never is it read as a request.
  await client.send(`${part}\r\n\r\nGET /smug HTTP/1.1\r\nHost: t\r\n\r\n`);
  await client.until(() => false, 50);
  expect(statusesOf(client, "POST")).toEqual([413]);
});

test.each(["reset", "close"])("C-71 a client that leaves by %s takes its request along", async (how) => {
  await using behind = await Behind.start(server, { respond: () => new Promise(() => {}) });
  {
    await using client = await RawClient.open(server.port);
    await client.send("GET /wait HTTP/1.1\r\nHost: t\r\n\r\n");
    await eventually("the request", () => behind.backend.requests.length === 1);
    if (how === "reset") client.reset();
  }
  await eventually("the end of the backend's request", () => behind.backend.connections[0]?.ending, 3000);
  expect(behind.backend.requests).toHaveLength(1);
  const line = await server.log("access line", (each) => JSON.stringify(each).includes("/wait"));
  expect(JSON.stringify(line)).toContain("499");
});

const SEGMENTED =
  "POST /s?a HTTP/1.1\r\nHost: t\r\nX-A:  b \r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nX-T: 1\r\n\r\n";
const ROW = {
  id: "C-75",
  about: "any segmentation",
  send: SEGMENTED,
  backend: [{ line: "POST /s?a HTTP/1.1", body: "hello", has: { "x-a": "b" }, without: ";x" }],
};

test("C-75 a request cut in two at every offset is the same request", async () => {
  for (let at = 1; at < SEGMENTED.length; at++) {
    const seen = await stand.run(SEGMENTED, { cutAt: at });
    expect({ at, verdict: judge(ROW, seen) }).toEqual({ at, verdict: null });
  }
});

test("C-75 a request octet by octet is the same request", async () => {
  expect(judge(ROW, await stand.run(SEGMENTED, { split: true }))).toBeNull();
});

test("C-75 a response cut in two at every offset is the same response", async () => {
  const octets =
    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 Fine\r\nX-A:  b \r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nX-T: 1\r\n\r\n";
  const offset = { at: 0 };
  await using behind = await Behind.start(server, {
    respond: (_request, wire) =>
      wire.sendSegments(
        offset.at === 0 ? Array.from(octets) : [octets.slice(0, offset.at), octets.slice(offset.at)],
      ),
  });
  for (; offset.at < octets.length; offset.at++) {
    await using client = await RawClient.open(server.port);
    await client.send("GET /s HTTP/1.1\r\nHost: t\r\n\r\n");
    await client.until(() => statusesOf(client).some(isFinal));
    const { messages, rest, fault } = readResponses(client.got, ["GET"], false);
    const got = messages.map((each) => `${each.start} ${each.body}`);
    expect({ ...offset, got, rest, fault }).toEqual({
      ...offset,
      got: ["HTTP/1.1 103 Early Hints ", "HTTP/1.1 200 Fine hello"],
      rest: "",
      fault: null,
    });
  }
  expect(behind.backend.connections).toHaveLength(1);
});

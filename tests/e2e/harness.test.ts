/** The harness judged against a plain Bun.serve and against itself, so that a red suite means a red product. */
import { expect, test } from "bun:test";
import { selfSigned } from "../support/certificate.ts";
import { Child } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { header, headerAll, takeMessage } from "../support/http-message.ts";
import { record } from "../support/json.ts";
import { answer, RawBackend, refusingPort } from "../support/raw-backend.ts";
import { call, openClient } from "../support/raw-client.ts";
import { seeded } from "../support/seeded.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";

test("a call reads status, headers and JSON of a plain server", async () => {
  await using backend = new HttpBackend({
    name: "plain",
    handle: async (request) => Response.json({ method: request.method, body: await request.text() }),
  });
  const got = await call(backend, "PUT", "/x", { body: "hello" });
  expect(got.status).toBe(200);
  expect(record(got.json)).toEqual({ method: "PUT", body: "hello" });
});

test("a raw backend keeps the octets, counts requests and sees the client's end", async () => {
  await using backend = await RawBackend.start({
    respond: (request, wire) => answer(wire, 201, request.body, { "X-A": "1" }),
  });
  await using client = await openClient(backend);
  const sent = "POST /a?b HTTP/1.1\r\nhOst: t\r\nContent-Length: 3\r\n\r\nabc";
  await client.sendSegments([sent.slice(0, 10), sent.slice(10, 30), sent.slice(30)]);
  const response = await client.readResponse("POST");
  expect(response.startLine).toBe("HTTP/1.1 201 Answer");
  expect(response.body.toString()).toBe("abc");
  await client.send("GET /2 HTTP/1.1\r\nHost: t\r\n\r\n");
  await client.readResponse();
  client.finish();
  expect((await client.readToEnd()).length).toBe(0);
  expect(client.ending).toBe("fin");
  expect(backend.requests.map((each) => each.startLine)).toEqual(["POST /a?b HTTP/1.1", "GET /2 HTTP/1.1"]);
  expect(backend.connections[0]?.log.toString("latin1")).toStartWith(sent);
  expect(backend.faults).toEqual([]);
});

test("a reset is told apart from an orderly end", async () => {
  await using backend = await RawBackend.start({
    respond: (_request, wire) => {
      wire.reset();
      return false;
    },
  });
  await using client = await openClient(backend);
  await client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  await client.readToEnd();
  expect(client.ending).toBe("reset");
});

test("messages are taken whole: chunked with trailers, HEAD, until close", () => {
  const chunked = Buffer.from(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-T: v\r\n\r\nrest",
  );
  for (let length = 0; length < chunked.length - 4; length++) {
    expect(takeMessage(chunked.subarray(0, length), { kind: "response" })).toBeNull();
  }
  const taken = takeMessage(chunked, { kind: "response" });
  expect(taken?.message.body.toString()).toBe("abc0123456789");
  expect(taken?.message.trailers).toEqual([["X-T", "v"]]);
  expect(taken?.consumed).toBe(chunked.length - 4);

  const head = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
  expect(takeMessage(head, { kind: "response", method: "HEAD" })?.message.framing).toBe("none");
  expect(takeMessage(head, { kind: "response", method: "GET" })).toBeNull();

  const open = Buffer.from("HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nset-cookie:  b \r\n\r\nbody");
  expect(takeMessage(open, { kind: "response" })).toBeNull();
  const closed = takeMessage(open, { kind: "response", ended: true });
  expect(closed?.message.body.toString()).toBe("body");
  expect(closed && headerAll(closed.message, "SET-COOKIE")).toEqual(["a", "b"]);
  expect(closed && header(closed.message, "x")).toBeNull();
});

test("certificates made here are accepted by a TLS client that trusts them", async () => {
  const certificate = selfSigned();
  await using backend = await RawBackend.start({ tls: certificate });
  await using client = await openClient({ port: backend.port, ca: certificate.cert });
  await client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  expect((await client.readResponse()).startLine).toBe("HTTP/1.1 200 Answer");
  const other = selfSigned();
  const refused = await openClient({ port: backend.port, ca: other.cert }).then(
    () => "connected",
    () => "refused",
  );
  expect(refused).toBe("refused");
});

test("a port that was let go refuses", async () => {
  const port = await refusingPort();
  const outcome = await openClient({ port }).then(
    () => "connected",
    () => "refused",
  );
  expect(outcome).toBe("refused");
});

test("a child gives its lines, exit code, memory and processor time", async () => {
  const dir = makeTempDir();
  try {
    const script =
      "console.log('one'); console.error('two'); process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000);";
    await using child = new Child({ command: [process.execPath, "-e", script], cwd: dir });
    expect(await child.line("one", (line) => (line === "one" ? line : null))).toBe("one");
    expect(child.rssBytes()).toBeGreaterThan(1_000_000);
    expect(child.cpuSeconds()).toBeGreaterThanOrEqual(0);
    await eventually("the handler", () => child.errorLines.includes("two"));
    child.kill("SIGTERM");
    const { code, stderr } = await child.finished();
    expect(code).toBe(7);
    expect(stderr).toBe("two");
  } finally {
    removeDir(dir);
  }
});

test("a child that does not end in time is killed and fails with what it said", async () => {
  const dir = makeTempDir();
  try {
    const script = "console.log('still here'); setInterval(() => {}, 1000);";
    await using child = new Child({ command: [process.execPath, "-e", script], cwd: dir });
    await child.line("a line", (line) => line);
    const outcome = await child.finished(1).then(() => "ended", String);
    expect(outcome).toBe("Error: the process did not end within 1 ms:\nstill here");
    expect(child.running).toBe(false);
  } finally {
    removeDir(dir);
  }
});

test("the generator repeats itself and covers its range", () => {
  const a = seeded(42);
  const b = seeded(42);
  const seen = new Set<number>();
  for (let round = 0; round < 1000; round++) {
    const value = a.below(10);
    expect(value).toBe(b.below(10));
    seen.add(value);
  }
  expect(seen.size).toBe(10);
});

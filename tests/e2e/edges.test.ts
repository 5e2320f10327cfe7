/** Connections stay in step after every kind of answer, also when the request's body was never wanted. */
import { afterAll, expect, test } from "bun:test";
import { Behind } from "../support/behind.ts";
import { header, headerAll, statusOf } from "../support/http-message.ts";
import { record, string } from "../support/json.ts";
import { answer } from "../support/raw-backend.ts";
import { openClient, readFinal } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const server = await TestServer.start({
  config: { workers: 1, proxy_endpoints: ["/api"], proxy_max_request_body_bytes: 100_000 },
});
afterAll(() => server[Symbol.asyncDispose]());

const SECRET = "GET /api/inner HTTP/1.1\r\nHost: t\r\n\r\n";
const BODY = `${SECRET}${"x".repeat(200)}`;

/** Requests that are answered without their body being of use; the body holds a request. */
const REFUSED: readonly (readonly [what: string, head: string])[] = [
  ["a path that is not proxied", "POST /elsewhere HTTP/1.1\r\nHost: t"],
  ["an unknown tier", "POST /api/x?tier=none HTTP/1.1\r\nHost: t"],
  ["no backend", "POST /api/x HTTP/1.1\r\nHost: t"],
  ["a method that management does not take", "POST /clients HTTP/1.1\r\nHost: t"],
  ["a health check with a body", "GET /health HTTP/1.1\r\nHost: t"],
  ["a body that is not JSON", "POST /route HTTP/1.1\r\nHost: t\r\nContent-Type: application/json"],
  ["a lease that is not there", "DELETE /leases/0 HTTP/1.1\r\nHost: t"],
];

test.each(REFUSED)("after %s the body is not taken for a request", async (_what, head) => {
  for (const framing of ["length", "chunked"]) {
    await using client = await openClient(server.target);
    const body =
      framing === "length"
        ? `Content-Length: ${BODY.length}\r\n\r\n${BODY}`
        : `Transfer-Encoding: chunked\r\n\r\n${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
    await client.send(`${head}\r\n${body}`);
    await client.readResponse();
    // Either the connection goes on behind the body, or it ends: never an answer to what the body holds.
    await client.send("GET /health HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    const rest = (await client.readToEnd()).toString("latin1");
    if (rest !== "") expect(rest).toMatch(/^HTTP\/1\.1 200 [\s\S]*"status":"ok"/);
    expect(rest.match(/HTTP\/1\.1 /g)?.length ?? 0).toBeLessThanOrEqual(1);
  }
});

test("the answer to HEAD has no body, whoever gives it, and the connection goes on", async () => {
  await using client = await openClient(server.target);
  for (const path of ["/health", "/clients", "/elsewhere", "/api/x", "/api/x?tier=none", "/leases"]) {
    await client.send(`HEAD ${path} HTTP/1.1\r\nHost: t\r\n\r\n`);
    const head = await client.readResponse("HEAD");
    expect(statusOf(head)).toBeGreaterThanOrEqual(200);
    await client.send("GET /health HTTP/1.1\r\nHost: t\r\n\r\n");
    expect((await readFinal(client)).status).toBe(200);
  }
  await client.send("HEAD /health HTTP/1.1\r\nHost: t\r\n\r\n");
  expect(statusOf(await client.readResponse("HEAD"))).toBe(200);
});

test("management and proxied requests share a connection and a pipeline", async () => {
  await using behind = await Behind.start(server, {
    respond: (_request, wire) => answer(wire, 200, "proxied"),
  });
  await using client = await openClient(server.target);
  const route = '{"tier":"lite"}';
  await client.send(
    [
      "GET /health HTTP/1.1\r\nHost: t\r\n\r\n",
      "GET /api/1 HTTP/1.1\r\nHost: t\r\n\r\n",
      `POST /route HTTP/1.1\r\nHost: t\r\nContent-Length: ${route.length}\r\n\r\n${route}`,
      "GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n",
      "POST /clients/purge-pending HTTP/1.1\r\nHost: t\r\n\r\n",
      "GET /api/2 HTTP/1.1\r\nHost: t\r\n\r\n",
    ].join(""),
  );
  const answers = [];
  for (let at = 0; at < 6; at++) answers.push(await readFinal(client));
  expect(answers.map((each) => each.status)).toEqual([200, 200, 200, 404, 200, 200]);
  expect(answers[1]?.text).toBe("proxied");
  expect(string(record(answers[2]?.json).client_id)).toBe(behind.agent.id);
  expect(record(answers[4]?.json)).toMatchObject({ purged: 1 });
});

test("a body over the limit is told so while it is still being sent", async () => {
  await using behind = await Behind.start(server);
  await using client = await openClient(server.target);
  await client.send("POST /api/x HTTP/1.1\r\nHost: t\r\nContent-Length: 8000000\r\n\r\n");
  const sending = client.send(Buffer.alloc(8_000_000, "x"));
  const response = await client.readResponse("POST");
  expect([statusOf(response), header(response, "x-opsen-error")]).toEqual([413, "body_too_large"]);
  await client.readToEnd();
  await sending;
  expect(behind.backend.requests).toEqual([]);
});

test("trailers of a request do not disturb, and forbidden ones do not pass as headers", async () => {
  await using behind = await Behind.start(server, {
    respond: (request, wire) => answer(wire, 200, request.body),
  });
  await using client = await openClient(server.target);
  for (let round = 0; round < 2; round++) {
    await client.send(
      "POST /api/t HTTP/1.1\r\nHost: t\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: v\r\nContent-Length: 5\r\nX-LB-Client-ID: evil\r\n\r\n",
    );
    expect((await readFinal(client, "POST")).text).toBe("abc");
  }
  for (const request of behind.backend.requests) {
    expect(headerAll(request, "x-lb-client-id")).toEqual([behind.agent.id]);
    expect(request.trailers.filter(([name]) => /content-length|x-lb/i.test(name))).toEqual([]);
  }
});

test("a backend that closes after each answer is connected anew each time", async () => {
  await using behind = await Behind.start(server, {
    respond: async (_request, wire) => {
      await wire.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
      wire.finish();
      return false;
    },
  });
  await using client = await openClient(server.target);
  for (let round = 0; round < 5; round++) {
    await client.send("GET /api/c HTTP/1.1\r\nHost: t\r\n\r\n");
    const got = await readFinal(client);
    expect([got.status, got.header("connection")?.toLowerCase() === "close"]).toEqual([200, false]);
  }
  expect(behind.backend.connections).toHaveLength(5);
});

test("an HTTP/1.0 backend is understood", async () => {
  await using behind = await Behind.start(server, {
    respond: async (_request, wire) => {
      await wire.send("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold but gold");
      wire.finish();
      return false;
    },
  });
  expect((await server.call("GET", "/api/o")).text).toBe("old but gold");
  expect(behind.backend.requests).toHaveLength(1);
});

test("an expectation that nobody can meet is 417", async () => {
  await using behind = await Behind.start(server);
  const got = await server.call("POST", "/api/e", { headers: { Expect: "miracles" }, body: "x" });
  expect(got.status).toBe(417);
  expect(behind.backend.requests).toEqual([]);
});

test("without enable_cors, a preflight to management gives nothing away", async () => {
  const headers = { Origin: "https://evil.example", "Access-Control-Request-Method": "POST" };
  const got = await server.call("OPTIONS", "/route", { headers });
  expect(got.header("access-control-allow-origin")).toBeNull();
});

test("OPTIONS of a proxied path is the backend's to answer", async () => {
  await using behind = await Behind.start(server, {
    respond: (_request, wire) =>
      answer(wire, 200, "", { "Access-Control-Allow-Origin": "https://app.example" }),
  });
  const got = await server.call("OPTIONS", "/api/x", { headers: { Origin: "https://app.example" } });
  expect(got.header("access-control-allow-origin")).toBe("https://app.example");
  expect(behind.backend.requests).toHaveLength(1);
});

/** What the proxy adds, removes and keeps among headers. */
import { afterAll, expect, test } from "bun:test";
import { Behind } from "../support/behind.ts";
import { header, headerAll, type RawMessage } from "../support/http-message.ts";
import { answer } from "../support/raw-backend.ts";
import { openClient } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const server = await TestServer.start({ config: { workers: 1, api_keys: ["secret-key"] } });
afterAll(() => server[Symbol.asyncDispose]());
const agent = { key: "secret-key", hostname: "box-7" };

async function seen(behind: Behind, head: string, on: TestServer = server): Promise<RawMessage> {
  await using client = await openClient(on.target);
  await client.send(`GET /h HTTP/1.1\r\n${head}\r\n\r\n`);
  expect((await client.readResponse()).startLine).toContain(" 200 ");
  const request = behind.backend.requests.at(-1);
  if (request === undefined) throw new Error("nothing reached the backend");
  return request;
}

test("the backend learns who asked, how, for whom, and which backend it is", async () => {
  await using behind = await Behind.start(server, {}, { ...agent, id: "b7" });
  const request = await seen(behind, "Host: shop.example:8080");
  expect(headerAll(request, "host")).toEqual([`127.0.0.1:${behind.backend.port}`]);
  expect(headerAll(request, "x-forwarded-for")).toEqual(["127.0.0.1"]);
  expect(headerAll(request, "x-forwarded-proto")).toEqual(["http"]);
  expect(headerAll(request, "x-forwarded-host")).toEqual(["shop.example:8080"]);
  expect(headerAll(request, "x-real-ip")).toEqual(["127.0.0.1"]);
  expect(headerAll(request, "x-lb-client-id")).toEqual(["b7"]);
  expect(headerAll(request, "x-lb-hostname")).toEqual(["box-7"]);
  expect(headerAll(request, "via")).toHaveLength(1);
  expect(header(request, "via")).toMatch(/^1\.1 \S+$/);
  expect(header(request, "x-request-id")).toMatch(/^[\w-]{8,}$/);
});

test("what a stranger claims about forwarding is dropped", async () => {
  await using behind = await Behind.start(server, {}, { ...agent, id: "b8" });
  const lies = [
    "Host: t",
    "X-Forwarded-For: 1.2.3.4",
    "x-forwarded-for: 5.6.7.8",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Port: 1",
    "X-Real-IP: 1.2.3.4",
    "Forwarded: for=1.2.3.4",
    "X-LB-Client-ID: other",
    "X-LB-Hostname: other",
    "X-Opsen-Peer: 1.2.3.4",
    "X-Opsen-Secret: guess",
  ];
  const request = await seen(behind, lies.join("\r\n"));
  const text = request.bytes.toString("latin1");
  for (const lie of ["1.2.3.4", "5.6.7.8", "evil.example", "other", "guess", "https"]) {
    expect({ lie, passed: text.includes(lie) }).toEqual({ lie, passed: false });
  }
  expect(header(request, "x-lb-client-id")).toBe("b8");
});

test("a trusted proxy's chain is kept and extended in one line", async () => {
  await using trusting = await TestServer.start({
    config: { workers: 1, trusted_proxies: ["127.0.0.1", "10.0.0.0/8"] },
  });
  await using behind = await Behind.start(trusting);
  const chain = "Host: t\r\nX-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.9, 10.0.0.7";
  const proto = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example";
  const request = await seen(behind, `${chain}\r\n${proto}`, trusting);
  expect(headerAll(request, "x-forwarded-for")).toEqual(["198.51.100.1, 203.0.113.9, 10.0.0.7, 127.0.0.1"]);
  expect(headerAll(request, "x-real-ip")).toEqual(["203.0.113.9"]);
  expect(headerAll(request, "x-forwarded-proto")).toEqual(["https"]);
  expect(headerAll(request, "x-forwarded-host")).toEqual(["shop.example"]);
});

test("hop-by-hop headers of the request end here, with all that Connection names", async () => {
  await using behind = await Behind.start(server, {}, agent);
  const hops = [
    "Host: t",
    "Connection: ",
    "Connection: X-Hop, keep-alive",
    "Connection: x-other, X-Forwarded-For",
    "X-Hop: 1",
    "X-Other: 1",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "TE: trailers, gzip;q=0.5",
    "Trailer: X-T",
    "X-Stays: yes",
  ];
  const request = await seen(behind, hops.join("\r\n"));
  for (const name of ["x-hop", "x-other", "keep-alive", "proxy-connection", "trailer"]) {
    expect({ name, values: headerAll(request, name) }).toEqual({ name, values: [] });
  }
  expect(header(request, "te") ?? "trailers").toBe("trailers");
  expect(headerAll(request, "x-forwarded-for")).toEqual(["127.0.0.1"]);
  expect(header(request, "x-stays")).toBe("yes");
});

test("other headers keep order, case, repetition and every octet", async () => {
  await using behind = await Behind.start(
    server,
    {
      respond: (_request, wire) => answer(wire, 200, "", { "X-Latin": "caf\u00e9 \u00ff" }),
    },
    agent,
  );
  const lines = [
    "x-LOWER: 1",
    "Cookie: a=1",
    "Accept:  text/*;q=0.3 ",
    "x-Lower: 2",
    "Cookie: b=2",
    "X-Raw: \u00e9\u0080",
  ];
  await using client = await openClient(server.target);
  await client.send(`GET /h HTTP/1.1\r\nHost: t\r\n${lines.join("\r\n")}\r\n\r\n`);
  expect(header(await client.readResponse(), "x-latin")).toBe("caf\u00e9 \u00ff");
  const request = behind.backend.requests.at(-1);
  const own = request?.headers.filter(([name]) => /^(?:x-lower|cookie|accept|x-raw)$/i.test(name));
  expect(own).toEqual([
    ["x-LOWER", "1"],
    ["Cookie", "a=1"],
    ["Accept", "text/*;q=0.3"],
    ["x-Lower", "2"],
    ["Cookie", "b=2"],
    ["X-Raw", "\u00e9\u0080"],
  ]);
});

test("a configured key is never shown to a backend; another application's key is", async () => {
  await using behind = await Behind.start(server, {}, agent);
  expect(headerAll(await seen(behind, "Host: t\r\nX-API-Key: secret-key"), "x-api-key")).toEqual([]);
  expect(headerAll(await seen(behind, "Host: t\r\nX-API-Key: app-key"), "x-api-key")).toEqual(["app-key"]);
});

test("a request id of the client is kept", async () => {
  await using behind = await Behind.start(server, {}, agent);
  const request = await seen(behind, "Host: t\r\nX-Request-ID: abc-123");
  expect(headerAll(request, "x-request-id")).toHaveLength(1);
});

test("hop-by-hop headers of the response end here too; X-Opsen-Error is ours alone", async () => {
  await using behind = await Behind.start(
    server,
    {
      respond: (_request, wire) =>
        wire.send(
          "HTTP/1.1 200 OK\r\nConnection: X-B, keep-alive\r\nX-B: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nX-Opsen-Error: no_backend\r\nX-C: 1\r\nContent-Length: 0\r\n\r\n",
        ),
    },
    agent,
  );
  const got = await server.call("GET", "/r");
  for (const name of ["x-b", "keep-alive", "x-opsen-error"]) expect(got.header(name)).toBeNull();
  expect(got.header("x-c")).toBe("1");
  expect(behind.backend.faults).toEqual([]);
});

test("a request that has been here before is a loop: 508", async () => {
  await using behind = await Behind.start(server, {}, agent);
  const via = header(await seen(behind, "Host: t"), "via") ?? "";
  const before = behind.backend.requests.length;
  const got = await server.call("GET", "/h", { headers: { Via: `1.0 fred, ${via}` } });
  expect(got.status).toBe(508);
  expect(got.header("x-opsen-error")).toBe("loop");
  expect(behind.backend.requests).toHaveLength(before);
  const other = await server.call("GET", "/h", { headers: { Via: "1.1 fred" } });
  expect(other.status).toBe(200);
  const passed = behind.backend.requests.at(-1);
  expect(passed && headerAll(passed, "via").join(", ")).toMatch(/^1\.1 fred, 1\.1 /);
});

test("Max-Forwards counts down and ends here at 0", async () => {
  await using behind = await Behind.start(server, {}, agent);
  await server.call("OPTIONS", "/o", { headers: { "Max-Forwards": "5" } });
  const passed = behind.backend.requests.at(-1);
  expect(passed && header(passed, "max-forwards")).toBe("4");
  const before = behind.backend.requests.length;
  expect((await server.call("OPTIONS", "/o", { headers: { "Max-Forwards": "0" } })).status).toBeLessThan(500);
  expect(behind.backend.requests).toHaveLength(before);
});

test("an endpoint's own path precedes the request's", async () => {
  await using behind = await Behind.start(server, {}, { ...agent, id: "based" });
  for (const base of ["/base", "/base/"]) {
    await behind.agent.register({ endpoint_url: `${behind.backend.url}${base}` });
    expect((await server.call("GET", "/x?y")).status).toBe(200);
    expect(behind.backend.requests.at(-1)?.startLine).toBe("GET /base/x?y HTTP/1.1");
  }
});

/** The HTTPS listener and HTTPS backends. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { selfSigned } from "../support/certificate.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { header } from "../support/http-message.ts";
import type { Json } from "../support/json.ts";
import { answer, RawBackend } from "../support/raw-backend.ts";
import { openClient, readFinal } from "../support/raw-client.ts";
import { seeded } from "../support/seeded.ts";
import { TestServer } from "../support/server.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";

/** Starts a server that speaks TLS with a certificate made for it. */
async function withTls(config: Json, body: (server: TestServer) => Promise<void>): Promise<void> {
  const dir = makeTempDir();
  try {
    const { cert, key } = selfSigned();
    writeFileSync(join(dir, "cert.pem"), cert);
    writeFileSync(join(dir, "key.pem"), key);
    await using server = await TestServer.start({
      config: { ...config, tls_cert_file: join(dir, "cert.pem"), tls_key_file: join(dir, "key.pem") },
      ca: cert,
    });
    await body(server);
  } finally {
    removeDir(dir);
  }
}

test("management and proxying over TLS, with HSTS on management", async () => {
  await withTls({}, async (server) => {
    await using backend = await RawBackend.start({
      respond: (request, wire) => answer(wire, 200, request.body),
    });
    await FakeAgent.join(server, { id: "b", endpoint: backend.url });
    const health = await server.call("GET", "/health");
    expect(health.header("strict-transport-security")).toBe("max-age=31536000");
    const body = seeded(5).bytes(300_000);
    const proxied = await server.call("POST", "/x", { body });
    expect(proxied.raw.body.equals(body)).toBe(true);
    expect(proxied.header("strict-transport-security")).toBeNull();
    const [request] = backend.requests;
    expect(request && header(request, "x-forwarded-proto")).toBe("https");
  });
});

test("keep-alive and pipelining work over TLS", async () => {
  await withTls({ workers: 1 }, async (server) => {
    await using backend = await RawBackend.start({
      respond: (request, wire) => answer(wire, 200, request.startLine),
    });
    await FakeAgent.join(server, { id: "b", endpoint: backend.url });
    await using client = await openClient(server.target);
    await client.send(
      Array.from({ length: 5 }, (_, at) => `GET /${at} HTTP/1.1\r\nHost: t\r\n\r\n`).join(""),
    );
    for (let at = 0; at < 5; at++) expect((await readFinal(client)).text).toBe(`GET /${at} HTTP/1.1`);
  });
});

test("a WebSocket works over TLS", async () => {
  await withTls({}, async (server) => {
    await using backend = new HttpBackend({
      name: "b",
      onMessage: (socket, message) => void socket.send(message),
    });
    await FakeAgent.join(server, { id: "b", endpoint: backend.url });
    const options = { tls: { rejectUnauthorized: false } };
    const socket = new WebSocket(`wss://127.0.0.1:${server.port}/`, options);
    const message = new Promise<unknown>((resolve) =>
      socket.addEventListener("message", (event) => resolve(event.data)),
    );
    await new Promise<void>((resolve) => socket.addEventListener("open", () => resolve()));
    socket.send("over TLS");
    expect(await message).toBe("over TLS");
    const closed = new Promise<void>((resolve) => socket.addEventListener("close", () => resolve()));
    socket.close();
    await closed;
  });
});

test("plain HTTP on the TLS port harms nobody", async () => {
  await withTls({}, async (server) => {
    await using client = await openClient({ port: server.port });
    await client.send("GET /health HTTP/1.1\r\nHost: t\r\n\r\n");
    expect((await client.readToEnd()).toString("latin1")).not.toContain(" 200 ");
    expect((await server.call("GET", "/health")).status).toBe(200);
  });
});

test("an https backend is verified, unless told otherwise", async () => {
  const certificate = selfSigned();
  await using backend = await RawBackend.start({
    tls: certificate,
    respond: (request, wire) => answer(wire, 200, request.body),
  });
  const endpoint = `https://localhost:${backend.port}`;
  await using strict = await TestServer.start();
  await FakeAgent.join(strict, { id: "b", endpoint });
  const refused = await strict.call("GET", "/x");
  expect([refused.status, refused.header("x-opsen-error")]).toEqual([502, "bad_gateway"]);
  expect(backend.requests).toEqual([]);

  await using lax = await TestServer.start({ config: { tls_insecure_skip_verify: true, workers: 1 } });
  await FakeAgent.join(lax, { id: "b", endpoint });
  const body = seeded(6).bytes(300_000);
  for (let round = 0; round < 3; round++) {
    const got = await lax.call("POST", "/x", { body });
    expect([got.status, got.raw.body.equals(body)]).toEqual([200, true]);
  }
  expect(backend.connections.filter((each) => each.log.length > 0)).toHaveLength(1);
});

test("a certificate without its key, or a file that is none, is an error at the start", async () => {
  const dir = makeTempDir();
  try {
    writeFileSync(join(dir, "cert.pem"), "not a certificate");
    writeFileSync(join(dir, "key.pem"), "not a key");
    const config = { tls_cert_file: join(dir, "cert.pem"), tls_key_file: join(dir, "key.pem") };
    const failed = await TestServer.start({ config }).then(
      () => "started",
      (error: unknown) => String(error instanceof Error ? error.message : error),
    );
    expect(failed).toMatch(/tls_cert_file|tls_key_file|cert\.pem|key\.pem/);
    expect(failed).not.toContain("not a key");
  } finally {
    removeDir(dir);
  }
});

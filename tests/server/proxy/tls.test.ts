import { expect, test } from "bun:test";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { selfSigned } from "../../support/certificate.ts";
import { header } from "../../support/http-message.ts";
import { answer, RawBackend } from "../../support/raw-backend.ts";
import { call, openClient } from "../../support/raw-client.ts";
import { Cell } from "./cell.ts";

const certificate = selfSigned();
const certificates = { fallback: certificate, named: [], clientCa: "" };

test("the HTTPS listener serves the same requests and says so to the backend", async () => {
  const body = Buffer.alloc(3 * 1024 * 1024, "opsen");
  await using backend = await RawBackend.start({
    respond: (request, wire) => answer(wire, 200, request.body.length > 0 ? request.body : "small"),
  });
  await using cell = await Cell.start({
    certificates,
    config: { proxy_max_request_body_bytes: 0 },
  });
  cell.add({ ports: [backend.port] });
  const target = { port: cell.port, host: "127.0.0.1", ca: certificate.cert };
  expect((await call(target, "GET", "/")).text).toBe("small");
  const echoed = await call(target, "POST", "/", { body });
  expect(echoed.raw.body.equals(body)).toBe(true);
  const [request] = backend.requests;
  if (request === undefined) throw new Error("no request arrived");
  expect(header(request, "X-Forwarded-Proto")).toBe("https");
  const health = await call(target, "GET", "/health");
  expect(health.header("Strict-Transport-Security")).toContain("max-age");
});

test("C-113: ALPN gives what both speak, TLS 1.1 is refused, and what is no handshake is closed", async () => {
  await using cell = await Cell.start({ certificates });
  const options = { port: cell.port, host: "127.0.0.1", ca: certificate.cert, servername: "localhost" };
  const negotiate = (port: number, offered: string[]) =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ ...options, port, ALPNProtocols: offered }, () => {
        resolve(socket.alpnProtocol);
        socket.destroy();
      });
      socket.once("error", reject);
    });
  expect(await negotiate(cell.port, ["h2", "http/1.1"])).toBe("h2");
  expect(await negotiate(cell.port, ["http/1.1"])).toBe("http/1.1");
  await using plain = await Cell.start({ certificates, config: { http2: false } });
  expect(await negotiate(plain.port, ["h2", "http/1.1"])).toBe("http/1.1");
  const old = new Promise((resolve, reject) => {
    const socket = connectTls({ ...options, maxVersion: "TLSv1.1", minVersion: "TLSv1" }, () => {
      resolve("connected");
      socket.destroy();
    });
    socket.once("error", reject);
  });
  expect(old).rejects.toThrow();
  await new Promise<void>((resolve) => {
    const socket = connect(cell.port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\nHost: t\r\n\r\n"));
    socket.on("error", () => {});
    socket.on("data", () => {});
    socket.on("close", () => resolve());
  });
});

test("HTTPS backends are verified unless told otherwise", async () => {
  await using backend = await RawBackend.start({
    tls: certificate,
    respond: (_request, wire) => answer(wire, 200, "over TLS"),
  });
  for (const [skip, status] of [
    [false, 502],
    [true, 200],
  ] as const) {
    await using cell = await Cell.start({ config: { tls_insecure_skip_verify: skip } });
    cell.add({ ports: [backend.port], scheme: "https", host: "localhost" });
    expect((await call({ port: cell.port }, "GET", "/")).status).toBe(status);
    await cell[Symbol.asyncDispose]();
    expect(cell.log.includes("SELF_SIGNED_CERT")).toBe(!skip);
  }
  expect(backend.requests).toHaveLength(1);
});

test("a client over TLS that leaves while it waits frees the backend", async () => {
  await using backend = await RawBackend.start({ script: async (wire) => void (await wire.readToEnd()) });
  await using cell = await Cell.start({ certificates });
  cell.add({ ports: [backend.port] });
  await using client = await openClient({ port: cell.port, ca: certificate.cert });
  await client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  while (backend.connections[0] === undefined) await Bun.sleep(5);
  await backend.connections[0].readHead();
  await client[Symbol.asyncDispose]();
  await backend.connections[0].readToEnd();
  expect(["reset", "fin"]).toContain(backend.connections[0].ending ?? "");
});

test("a backend that accepts but never finishes its handshake is given up after connect_timeout_seconds", async () => {
  await using mute = await RawBackend.start({ script: async (wire) => void (await wire.readToEnd(30_000)) });
  await using backend = await RawBackend.start({ respond: (_request, wire) => answer(wire, 200, "other") });
  await using cell = await Cell.start({ config: { connect_timeout_seconds: 1 } });
  cell.add({ ports: [mute.port], scheme: "https", score: 0 });
  cell.add({ ports: [backend.port], score: 10 });
  expect((await call({ port: cell.port }, "POST", "/", { body: "x" })).text).toBe("other");
  await mute.connections[0]?.readToEnd();
  expect(cell.tables.counters.sum("upstream_connect_failures")).toBe(1);
});

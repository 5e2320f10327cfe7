import { expect, test } from "bun:test";
import { join } from "node:path";
import { type CallOptions, call, openClient } from "../../../support/raw-client.ts";
import { makeTempDir, removeDir } from "../../../support/temp-dir.ts";
import { Cell } from "../cell.ts";

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A control plane that notes what reaches it. */
async function controlPlane(config: Record<string, unknown>) {
  const directory = makeTempDir();
  const socket = join(directory, "control.sock");
  const seen: Seen[] = [];
  const server = Bun.serve({
    unix: socket,
    development: false,
    async fetch(request) {
      const body = await request.text();
      seen.push({ method: request.method, url: request.url, headers: request.headers, body });
      return Response.json({ status: "ok" });
    },
  });
  const cell = await Cell.start({ config, controlSocket: socket });
  return {
    cell,
    seen,
    call: (method: string, path: string, options?: CallOptions) =>
      call({ port: cell.port }, method, path, options),
    async [Symbol.asyncDispose]() {
      await cell[Symbol.asyncDispose]();
      await server.stop(true);
      removeDir(directory);
    },
  };
}

test("management reaches the control plane with proof, peer and token, and returns with security headers", async () => {
  await using plane = await controlPlane({ server_key: "secret-key" });
  const got = await plane.call("POST", "/register?x=1", {
    json: { client_id: "a" },
    headers: { "X-API-Key": "secret-key", "X-Opsen-Agent-Token": "token", "X-Opsen-Secret": "forged" },
  });
  expect(got.json).toEqual({ status: "ok" });
  expect(got.header("X-Content-Type-Options")).toBe("nosniff");
  expect(got.header("X-Frame-Options")).toBe("DENY");
  expect(got.header("Strict-Transport-Security")).toBeNull();
  const [request] = plane.seen;
  expect(request?.method).toBe("POST");
  expect(request?.url).toEndWith("/register?x=1");
  expect(request?.headers.get("X-Opsen-Secret")).toBe("test-secret");
  expect(request?.headers.get("X-Opsen-Peer")).toBe("127.0.0.1");
  expect(request?.headers.get("X-Opsen-Proto")).toBe("http");
  expect(request?.headers.get("X-Opsen-Agent-Token")).toBe("token");
  expect(request?.body).toBe('{"client_id":"a"}');
});

test("an upgrade does not reach the control plane", async () => {
  await using plane = await controlPlane({});
  const headers = { Connection: "Upgrade", Upgrade: "websocket" };
  expect((await plane.call("GET", "/clients", { headers })).status).toBe(200);
  expect(plane.seen[0]?.headers.get("Upgrade")).toBeNull();
});

test("the guards answer in their order: media type, key, limits", async () => {
  await using plane = await controlPlane({ server_key: "k1", api_keys: ["k2"], max_request_body_bytes: 64 });
  const form = { body: "a=b", headers: { "Content-Type": "application/x-www-form-urlencoded" } };
  expect((await plane.call("POST", "/stats", form)).status).toBe(415);
  const missing = await plane.call("GET", "/clients");
  expect(missing.status).toBe(401);
  expect(missing.header("Content-Type")).toBe("application/problem+json");
  expect((await plane.call("GET", "/clients", { headers: { "X-API-Key": "wrong" } })).status).toBe(403);
  expect((await plane.call("GET", "/clients", { headers: { "X-API-Key": "k2" } })).status).toBe(200);
  expect((await plane.call("GET", "/health")).status).toBe(200);
  const large = { json: { text: "x".repeat(100) }, headers: { "X-API-Key": "k1" } };
  expect((await plane.call("POST", "/stats", large)).status).toBe(413);
  expect(plane.seen.map((request) => new URL(request.url).pathname)).toEqual(["/clients", "/health"]);
});

test("without a key only loopback may manage, also through a trusted proxy", async () => {
  await using plane = await controlPlane({ trusted_proxies: ["127.0.0.1"] });
  expect((await plane.call("GET", "/clients")).status).toBe(200);
  const remote = await plane.call("GET", "/clients", { headers: { "X-Forwarded-For": "203.0.113.9" } });
  expect(remote.status).toBe(403);
  expect(remote.text).toContain("server_key");
});

test("wrong keys use up their own allowance and then wait, also for the right key", async () => {
  await using plane = await controlPlane({ server_key: "right" });
  const statuses: number[] = [];
  for (let attempt = 0; attempt < 25; attempt++) {
    statuses.push((await plane.call("GET", "/clients", { headers: { "X-API-Key": "wrong" } })).status);
  }
  expect(statuses[0]).toBe(403);
  const throttled = await plane.call("GET", "/clients", { headers: { "X-API-Key": "right" } });
  expect(throttled.status).toBe(429);
  expect(Number(throttled.header("Retry-After"))).toBeGreaterThan(0);
  expect((await plane.call("GET", "/health")).status).toBe(200);
});

test("the rate limit governs management and spares health", async () => {
  await using plane = await controlPlane({ rate_limit_per_minute: 1, rate_limit_burst: 2 });
  const statuses = [];
  for (let attempt = 0; attempt < 3; attempt++) statuses.push((await plane.call("GET", "/clients")).status);
  expect(statuses).toEqual([200, 200, 429]);
  expect((await plane.call("GET", "/ready")).status).toBe(200);
});

function origin(value: string, more: Record<string, string> = {}) {
  return { headers: { Origin: value, ...more } };
}

test("cross-origin rules apply to requests that have an origin", async () => {
  await using plane = await controlPlane({
    enable_cors: true,
    cors_allowed_origins: ["https://good.test"],
    sticky_header: "X-My-Session",
    tier_header: "X-My-Tier",
  });
  expect((await plane.call("GET", "/clients")).status).toBe(200);
  expect((await plane.call("GET", "/clients", origin("https://evil-good.test"))).status).toBe(403);
  const allowed = await plane.call("GET", "/clients", origin("https://good.test"));
  expect(allowed.status).toBe(200);
  expect(allowed.header("Access-Control-Allow-Origin")).toBe("https://good.test");
  expect(allowed.header("Vary")).toBe("Origin");
  expect(allowed.header("Access-Control-Expose-Headers")).toBe("Retry-After");
  const preflight = await plane.call(
    "OPTIONS",
    "/clients",
    origin("https://good.test", { "Access-Control-Request-Method": "POST" }),
  );
  expect(preflight.status).toBe(204);
  expect(preflight.header("Access-Control-Allow-Headers")).toBe(
    "Content-Type, X-API-Key, Authorization, X-My-Session, X-My-Tier",
  );
});

test("an error of the worker itself has each security header once", async () => {
  await using plane = await controlPlane({});
  for (const [method, path] of [
    ["DELETE", "/leases/none"],
    ["GET", "/route"],
  ] as const) {
    const got = await plane.call(method, path);
    const names = got.raw.headers.map(([name]) => name.toLowerCase());
    for (const once of ["x-content-type-options", "x-frame-options", "cache-control"]) {
      expect(names.filter((name) => name === once)).toHaveLength(1);
    }
  }
});

test("only the exact paths are management", async () => {
  await using plane = await controlPlane({});
  for (const path of [
    "/register/",
    "//register",
    "/REGISTER",
    "/%72egister",
    "/x/../clients",
    "/clientsx",
    "/leases/../clients",
    "/swagger/%2e%2e/clients",
  ]) {
    expect((await plane.call("GET", path)).status).toBe(503);
  }
  expect(plane.seen).toHaveLength(0);
});

test("with an admin port the public one knows no management, and the admin one nothing else", async () => {
  // Port 0 means "no admin port" in the configuration, so that the bound one is asked for by WorkerInit alone.
  await using cell = await Cell.start({ config: { admin_port: 1 }, adminPort: 0 });
  expect((await call({ port: cell.port }, "GET", "/clients")).status).toBe(503);
  expect((await call({ port: cell.adminPort }, "GET", "/else")).status).toBe(404);
  const unreachable = await call({ port: cell.adminPort }, "GET", "/clients");
  expect(unreachable.status).toBe(502);
  expect(unreachable.header("Content-Type")).toBe("application/problem+json");
});

test("a management request whose body stalls is answered after request_timeout_seconds", async () => {
  await using plane = await controlPlane({ request_timeout_seconds: 1 });
  await using client = await openClient({ port: plane.cell.port });
  await client.send("POST /stats HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n{}");
  expect((await client.readResponse("POST")).startLine).toContain("408");
  expect(plane.seen).toHaveLength(0);
});

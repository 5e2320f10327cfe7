/** Who may use management: keys, loopback, whitelist, origins, methods, content types, sizes and rates. */
import { expect, test } from "bun:test";
import { FakeAgent, type ManagementApi, registrationOf } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { type Json, string } from "../support/json.ts";
import { expectProblem } from "../support/problem.ts";
import { refusingPort } from "../support/raw-backend.ts";
import { type Answer, call, openClient, requestBytes } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const MANAGEMENT = [
  ["POST", "/register"],
  ["POST", "/stats"],
  ["POST", "/route"],
  ["POST", "/route/explain"],
  ["GET", "/clients"],
  ["POST", "/clients/purge"],
  ["POST", "/clients/purge-pending"],
  ["DELETE", "/clients/x"],
  ["GET", "/leases"],
  ["PUT", "/leases/0"],
  ["DELETE", "/leases/0"],
] as const;

function start(config: Json): Promise<TestServer> {
  return TestServer.start({ config });
}

/** Asks as a client at `ip` behind a proxy on loopback that the server trusts. */
function from(server: TestServer, ip: string, path = "/clients"): Promise<Answer> {
  return server.call("GET", path, { headers: { "X-Forwarded-For": ip } });
}

test("with a key configured, management needs it and /health does not", async () => {
  const keys = { server_key: "sesame", api_keys: ["second", ""] };
  await using server = await start({ ...keys, trusted_proxies: ["127.0.0.1"] });
  for (const [at, [method, path]] of MANAGEMENT.entries()) {
    // Each from an address of its own: failures are throttled by address.
    const headers = { "X-Forwarded-For": `198.51.100.${at}` };
    expectProblem(await server.call(method, path, { headers }), 401);
    expectProblem(await server.call(method, path, { headers: { ...headers, "X-API-Key": "wrong" } }), 403);
  }
  for (const key of ["sesame", "second"]) {
    expect((await server.call("GET", "/clients", { headers: { "X-API-Key": key } })).status).toBe(200);
  }
  for (const key of ["", "sesam", "sesame2", "SESAME"]) {
    const answer = await server.call("GET", "/clients", { headers: { "X-API-Key": key } });
    expect([401, 403]).toContain(answer.status);
  }
  expect((await server.call("GET", "/health")).status).toBe(200);
  expect((await server.call("GET", "/ready")).status).toBe(503);
});

test("an oddly spelled path never reaches management without a key", async () => {
  await using server = await start({ server_key: "sesame" });
  const spellings = [
    "/clients/",
    "//clients",
    "/./clients",
    "/x/../clients",
    "/%63lients",
    "/clients%2f",
    "/CLIENTS",
  ];
  for (const path of [...spellings, "/clients?x", "/clients#x", "http://127.0.0.1/clients", "/clients\\"]) {
    const answer = await server.call("GET", path);
    expect({ path, leaked: answer.status === 200 }).toEqual({ path, leaked: false });
  }
});

test("without any key, loopback alone may manage, and the refusal says what to set", async () => {
  await using server = await start({ trusted_proxies: ["127.0.0.1"] });
  expect((await server.call("GET", "/clients")).status).toBe(200);
  const problem = expectProblem(await from(server, "203.0.113.9"), 403);
  expect(string(problem.detail)).toContain("server_key");
  expect((await from(server, "127.0.0.9")).status).toBe(200);
  expect((await from(server, "203.0.113.9", "/health")).status).toBe(200);
});

test("without any key, a proxy on this host does not open management to its clients", async () => {
  await using server = await start({});
  for (const name of ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"]) {
    const problem = expectProblem(await server.call("GET", "/clients", { headers: { [name]: "x" } }), 403);
    expect(string(problem.detail)).toContain("trusted_proxies");
  }
});

test("without any key, no web page may manage, whatever its name resolves to", async () => {
  await using server = await start({});
  const host = `127.0.0.1:${server.port}`;
  const refused = [
    { Host: "evil.example" },
    { Host: `evil.example:${server.port}` },
    { Host: host, Origin: "https://evil.example" },
    { Host: host, Origin: "null" },
  ];
  for (const headers of refused) {
    expectProblem(await server.call("POST", "/clients/purge-pending", { headers }), 403);
  }
  const served = [{ Host: host, Origin: `http://${host}` }, { Host: "localhost" }, { Host: "[::1]:1" }];
  for (const headers of served) {
    expect((await server.call("POST", "/clients/purge-pending", { headers })).status).toBe(200);
  }
});

test("insecure_no_auth opens management to any address", async () => {
  await using server = await start({ trusted_proxies: ["127.0.0.1"], insecure_no_auth: true });
  expect((await from(server, "203.0.113.9")).status).toBe(200);
});

test("forwarded addresses are believed from trusted proxies only, from the right", async () => {
  await using plain = await start({ whitelisted_ips: ["127.0.0.1"], insecure_no_auth: true });
  expect((await from(plain, "203.0.113.9")).status).toBe(200);
  await using server = await start({ trusted_proxies: ["127.0.0.0/8", "10.0.0.0/8"] });
  expect((await from(server, "127.0.0.1, 203.0.113.9")).status).toBe(403);
  expect((await from(server, "203.0.113.9, 10.1.2.3")).status).toBe(403);
  expect((await from(server, "127.0.0.1, 10.1.2.3")).status).toBe(200);
  const real = { headers: { "X-Real-IP": "203.0.113.9" } };
  expect((await server.call("GET", "/clients", real)).status).toBe(403);
});

test("the whitelist takes addresses and ranges of both families", async () => {
  const ranges = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"];
  await using server = await start({
    whitelisted_ips: ranges,
    insecure_no_auth: true,
    trusted_proxies: ["127.0.0.1"],
  });
  for (const ip of ["10.255.0.1", "192.0.2.7", "2001:db8:1::5", "::ffff:10.0.0.1"]) {
    expect({ ip, status: (await from(server, ip)).status }).toEqual({ ip, status: 200 });
  }
  for (const ip of ["11.0.0.1", "192.0.2.8", "2001:db9::1"]) expectProblem(await from(server, ip), 403);
  expectProblem(await server.call("GET", "/clients"), 403);
  expect((await from(server, "11.0.0.1", "/health")).status).toBe(200);
});

test("the whitelist governs proxied requests only with whitelist_proxy", async () => {
  await using backend = new HttpBackend({ name: "b" });
  const shared = { whitelisted_ips: ["127.0.0.1"], trusted_proxies: ["127.0.0.1"] };
  await using open = await start(shared);
  await FakeAgent.join(open, { id: "b", endpoint: backend.url });
  expect((await from(open, "203.0.113.9", "/x")).status).toBe(200);
  await using closed = await start({ ...shared, whitelist_proxy: true });
  await FakeAgent.join(closed, { id: "b", endpoint: backend.url });
  const refused = await from(closed, "203.0.113.9", "/x");
  expect(refused.status).toBe(403);
  expect(refused.header("x-opsen-error")).toBe("forbidden");
  expect((await closed.call("GET", "/x")).status).toBe(200);
});

test("a wrong method is 405 and says which are right", async () => {
  await using server = await start({});
  const cases = [
    ["GET", "/register", "POST"],
    ["GET", "/stats", "POST"],
    ["GET", "/route", "POST"],
    ["PUT", "/route/explain", "POST"],
    ["POST", "/leases", "GET"],
    ["GET", "/clients/purge", "POST"],
  ] as const;
  for (const [method, path, allowed] of cases) {
    const answer = await server.call(method, path);
    expectProblem(answer, 405);
    expect(`${path}: ${answer.header("allow")}`).toContain(allowed);
  }
});

test("a body of another content type is 415", async () => {
  await using server = await start({});
  const body = JSON.stringify(registrationOf({ id: "t", endpoint: "http://127.0.0.1:9001" }));
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "text/json"]) {
    const answer = await server.call("POST", "/register", { body, headers: { "Content-Type": type } });
    expectProblem(answer, 415);
  }
  for (const type of ["application/json", "application/json; charset=utf-8", "Application/JSON"]) {
    const answer = await server.call("POST", "/stats", { body, headers: { "Content-Type": type } });
    expect({ type, status: answer.status }).toEqual({ type, status: 404 });
  }
  const crossSite = { "Content-Type": "text/plain", Origin: "https://evil.example" };
  const routed = await server.call("POST", "/route", { body: "{}", headers: crossSite });
  expect([403, 415]).toContain(routed.status);
});

test("a body over max_request_body_bytes is 413, by length and by chunks", async () => {
  await using server = await start({ max_request_body_bytes: 1000 });
  const fits = JSON.stringify({ client_id: "nobody", pad: "x".repeat(900) });
  expectProblem(await server.call("POST", "/stats", { body: fits, headers: jsonType() }), 404);
  const long = JSON.stringify({ client_id: "nobody", pad: "x".repeat(1000) });
  expectProblem(await server.call("POST", "/stats", { body: long, headers: jsonType() }), 413);
  expectProblem(await server.call("POST", "/route", { body: long, headers: jsonType() }), 413);

  await using client = await openClient(server.target);
  const head = requestBytes("POST", "/stats", { Host: "t", "Transfer-Encoding": "chunked", ...jsonType() });
  await client.send(head);
  await client.send(`${long.length.toString(16)}\r\n${long}\r\n0\r\n\r\n`);
  expect((await client.readResponse("POST")).startLine).toContain(" 413 ");
});

test("the security headers are on management answers and can be switched off", async () => {
  await using server = await start({});
  for (const answer of [await server.call("GET", "/health"), await server.call("GET", "/register")]) {
    expect(answer.header("x-content-type-options")).toBe("nosniff");
    expect(answer.header("x-frame-options")).toBe("DENY");
    expect(answer.header("x-xss-protection")).toBe("1; mode=block");
    expect(answer.header("strict-transport-security")).toBeNull();
  }
  await using bare = await start({ disable_security_headers: true });
  const answer = await bare.call("GET", "/health");
  expect(answer.header("x-frame-options")).toBeNull();
  expect(answer.header("x-xss-protection")).toBeNull();
});

test("listed origins may call across sites, others may not, and callers without one pass", async () => {
  await using server = await start({ enable_cors: true, cors_allowed_origins: ["https://app.example"] });
  const asked = { Origin: "https://app.example", "Access-Control-Request-Method": "POST" };
  const preflight = await server.call("OPTIONS", "/route", { headers: asked });
  expect(preflight.status).toBe(204);
  expect(preflight.header("access-control-allow-origin")).toBe("https://app.example");
  expect(preflight.header("access-control-allow-methods")).toContain("POST");
  expect(preflight.header("access-control-allow-headers")).toContain("X-API-Key");
  expect(preflight.header("vary")).toContain("Origin");

  const listed = await server.call("GET", "/clients", { headers: { Origin: "https://app.example" } });
  expect(listed.status).toBe(200);
  expect(listed.header("access-control-allow-origin")).toBe("https://app.example");
  expect(listed.header("vary")).toContain("Origin");
  for (const origin of ["https://evil.example", "null", "https://app.example.evil", "http://app.example"]) {
    const refused = await server.call("GET", "/clients", { headers: { Origin: origin } });
    expectProblem(refused, 403);
    expect(refused.header("access-control-allow-origin")).toBeNull();
  }
  expect((await server.call("GET", "/clients")).status).toBe(200);

  await using any = await start({ enable_cors: true, cors_allowed_origins: ["*"] });
  const anyone = await any.call("GET", "/clients", { headers: { Origin: "https://x.example" } });
  expect(anyone.header("access-control-allow-origin")).toBe("*");
});

test("the rate limit is per address, says when to come back, and spares health", async () => {
  await using server = await start({
    rate_limit_per_minute: 1,
    rate_limit_burst: 3,
    trusted_proxies: ["127.0.0.1"],
    insecure_no_auth: true,
  });
  for (let count = 0; count < 3; count++) expect((await from(server, "203.0.113.1")).status).toBe(200);
  const limited = await from(server, "203.0.113.1");
  expectProblem(limited, 429);
  expect(Number(limited.header("retry-after"))).toBeWithin(1, 61);
  expect((await from(server, "203.0.113.1", "/health")).status).toBe(200);
  expect((await from(server, "203.0.113.2")).status).toBe(200);
  // IPv6 counts by /64: what one subscriber holds.
  for (let count = 0; count < 3; count++) expect((await from(server, `2001:db8::${count}`)).status).toBe(200);
  expect((await from(server, "2001:db8::ffff")).status).toBe(429);
  expect((await from(server, "2001:db8:0:1::1")).status).toBe(200);
});

test("requests refused by their key use no tokens, and guessing is throttled by itself", async () => {
  await using server = await start({ server_key: "sesame", rate_limit_per_minute: 1, rate_limit_burst: 3 });
  for (let count = 0; count < 4; count++) {
    expect((await server.call("GET", "/clients", { headers: { "X-API-Key": "no" } })).status).toBe(403);
  }
  for (let count = 0; count < 3; count++) {
    expect((await server.call("GET", "/clients", { headers: { "X-API-Key": "sesame" } })).status).toBe(200);
  }
  let throttled: Answer | null = null;
  for (let count = 0; count < 500 && throttled === null; count++) {
    const answer = await server.call("GET", "/clients", { headers: { "X-API-Key": `guess-${count}` } });
    if (answer.status === 429) throttled = answer;
  }
  expect(throttled).not.toBeNull();
  expect(throttled?.header("retry-after")).toMatch(/^[1-9]\d*$/);
});

test("proxied requests have a limit of their own", async () => {
  await using backend = new HttpBackend({ name: "b" });
  await using server = await start({ proxy_rate_limit_per_minute: 1, proxy_rate_limit_burst: 2 });
  await FakeAgent.join(server, { id: "b", endpoint: backend.url });
  for (let count = 0; count < 2; count++) expect((await server.call("GET", "/x")).status).toBe(200);
  const limited = await server.call("GET", "/x");
  expect(limited.status).toBe(429);
  expect(limited.header("x-opsen-error")).toBe("rate_limited");
  expect(limited.header("retry-after")).toMatch(/^[1-9]\d*$/);
  expect((await server.call("GET", "/clients")).status).toBe(200);
  expect(backend.hits).toBe(2);
});

test("with admin_port, management leaves the public port", async () => {
  const adminPort = await refusingPort();
  await using backend = new HttpBackend({
    name: "b",
    handle: (request) => new Response(`backend ${new URL(request.url).pathname}`),
  });
  await using server = await start({ admin_port: adminPort });
  const admin: ManagementApi = {
    call: (method, path, options) => call({ port: adminPort }, method, path, options),
  };
  await FakeAgent.join(admin, { id: "b", endpoint: backend.url });
  const answer = await server.call("GET", "/clients");
  expect(answer.text).toBe("backend /clients");
});

function jsonType(): Record<string, string> {
  return { "Content-Type": "application/json" };
}

/** The web console over HTTP: pages, log-in, who may call, the live connection. */
import { expect, test } from "bun:test";
import type { LiveMessage } from "../../core/wire/console.ts";
import { eventually } from "../support/eventually.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { type Json, record, string } from "../support/json.ts";
import { expectProblem } from "../support/problem.ts";
import type { Answer, CallOptions } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const KEYS = {
  admin: "admin-0123456789abcdef0123456789abcdef",
  read: "read-0123456789abcdef0123456789abcdef0",
  route: "route-0123456789abcdef0123456789abcdef",
} as const;

const CONFIG: Json = {
  api_keys: (["admin", "read", "route"] as const).map((scope) => ({
    name: scope,
    key: KEYS[scope],
    scopes: [scope],
  })),
};

/** Origin of our own pages, as the calls of these tests name the server. */
const OWN = "http://127.0.0.1";
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

function form(key: string, headers: Record<string, string> = {}): CallOptions {
  return {
    body: new URLSearchParams({ key }).toString(),
    headers: { "Content-Type": "application/x-www-form-urlencoded", ...headers },
  };
}

/** Logs in; the cookie to send. */
async function logIn(server: TestServer, key: string): Promise<string> {
  const answer = await server.call("POST", "/console/login", form(key));
  expect(answer.status).toBe(303);
  expect(answer.header("Location")).toBe("/console");
  return cookieOf(answer);
}

function cookieOf(answer: Answer): string {
  return string(answer.header("Set-Cookie")).split(";")[0] ?? "";
}

function own(cookie: string, more: CallOptions = {}): CallOptions {
  return { ...more, headers: { Cookie: cookie, "X-Requested-With": "opsen-console", ...more.headers } };
}

test("without a log-in there is the log-in page and its files, and nothing else", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  const page = await server.call("GET", "/console");
  expect(page.status).toBe(200);
  expect(page.text).toContain('action="/console/login"');
  expect(page.text).not.toContain("console.js");
  expect(page.header("Content-Security-Policy")).toBe(POLICY);
  expect(page.header("Cache-Control")).toBe("no-store");
  expect(page.header("X-Frame-Options")).toBe("DENY");
  for (const file of ["console.js", "console.css", "icon.svg"]) {
    const asset = await server.call("GET", `/console/${file}`);
    expect(asset.status).toBe(200);
    expect(asset.header("Content-Security-Policy")).toBe(POLICY);
    expect(asset.header("X-Content-Type-Options")).toBe("nosniff");
  }
  expectProblem(await server.call("GET", "/console/api/backends", own("a=b")), 401);
  expectProblem(await server.call("GET", "/console/session", own("a=b")), 401);
  expectProblem(await server.call("GET", "/console/other.js"), 404);
  expectProblem(await server.call("DELETE", "/console"), 405);
  expect((await server.call("GET", "/console/")).status).toBe(303);
});

test("a key gives a cookie that no script sees, and only with it and from our page the API answers", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  const answer = await server.call("POST", "/console/login", form(KEYS.admin));
  expect(string(answer.header("Set-Cookie"))).toMatch(
    /^opsen_console=[\w-]+\.[\w-]+; Path=\/console; HttpOnly; SameSite=Strict; Max-Age=43200$/,
  );
  const cookie = cookieOf(answer);
  expect((await server.call("GET", "/console", { headers: { Cookie: cookie } })).text).toContain(
    "/console/console.js",
  );
  const backends = await server.call("GET", "/console/api/backends?x=1", own(cookie));
  expect(record(backends.json).backends).toEqual([]);

  // The cookie alone does not do: a page of another port of this host would have it sent as well.
  const bare = { headers: { Cookie: cookie } };
  expectProblem(await server.call("GET", "/console/api/backends", bare), 403);
  for (const foreign of [
    { Origin: "http://127.0.0.1:1" },
    { Origin: "null" },
    { "Sec-Fetch-Site": "same-site" },
  ]) {
    const call = own(cookie, { json: { set: { stale_minutes: 3 } }, headers: foreign });
    expectProblem(await server.call("PATCH", "/console/api/config", call), 403);
  }
  // And it is good for the console alone.
  expectProblem(await server.call("GET", "/backends", own(cookie)), 401);
});

test("a wrong key is refused without an echo, and many of them make an address wait, here and at the API", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  const wrong = await server.call("POST", "/console/login", form("<script>alert(1)</script>"));
  expect(wrong.status).toBe(403);
  expect(wrong.text).toContain("not one of the configured keys");
  expect(wrong.text).not.toContain("alert(1)");
  expect(wrong.header("Set-Cookie")).toBeNull();
  expect((await server.call("POST", "/console/login", form(KEYS.route))).text).toContain("read or admin");
  const last = await eventually("a throttled log-in", async () => {
    const answer = await server.call("POST", "/console/login", form("wrong"));
    return answer.status === 429 ? answer : null;
  });
  expect(Number(last.header("Retry-After"))).toBeGreaterThan(0);
  expect((await server.call("POST", "/console/login", form(KEYS.admin))).status).toBe(429);
  expect((await server.call("GET", "/backends", { headers: { "X-API-Key": KEYS.admin } })).status).toBe(429);
});

test("a log-in from another page's form is refused", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  const foreign = form(KEYS.admin, { Origin: "https://evil.example" });
  const answer = await server.call("POST", "/console/login", foreign);
  expect(answer.status).toBe(403);
  expect(answer.header("Set-Cookie")).toBeNull();
  expect((await server.call("POST", "/console/login", form(KEYS.admin, { Origin: OWN }))).status).toBe(303);
});

test("a reader looks and changes nothing; what an administrator changes bears the name of the key", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  const reader = await logIn(server, KEYS.read);
  expect(record((await server.call("GET", "/console/session", own(reader))).json)).toMatchObject({
    name: "read",
    scopes: ["read"],
    keyless: false,
  });
  const change = { json: { set: { stale_minutes: 3 } } };
  for (const [method, path] of [
    ["PATCH", "/console/api/config"],
    ["POST", "/console/api/config/undo"],
    ["DELETE", "/console/api/backends/a"],
  ] as const) {
    const refused = expectProblem(await server.call(method, path, own(reader, change)), 403);
    expect(string(refused.detail)).toContain("admin");
  }
  for (const path of ["/audit", "/audi%74", "/x\\..\\audit", "/\\audit", "/x/%2e%2e/audit", "/%"]) {
    const answer = await server.call("GET", `/console/api${path}`, own(reader));
    expect({ path, isRefused: answer.status >= 400 }).toEqual({ path, isRefused: true });
  }
  expect((await server.call("POST", "/console/api/route/explain", own(reader, { json: {} }))).status).toBe(
    200,
  );

  const admin = await logIn(server, KEYS.admin);
  expect((await server.call("PATCH", "/console/api/config", own(admin, change))).status).toBe(200);
  const audit = record((await server.call("GET", "/console/api/audit", own(admin))).json);
  expect(audit.entries).toMatchObject([
    { actor: "admin", action: "config", changes: [{ key: "stale_minutes" }] },
  ]);
});

test("logging out ends the log-in for the cookie, wherever it is", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  const cookie = await logIn(server, KEYS.read);
  expectProblem(
    await server.call("POST", "/console/logout", own(cookie, { headers: { Origin: "http://evil.example" } })),
    403,
  );
  const out = await server.call("POST", "/console/logout", own(cookie));
  expect(string(out.header("Set-Cookie"))).toContain("opsen_console=; Path=/console");
  expectProblem(await server.call("GET", "/console/api/backends", own(cookie)), 401);
});

test("without a key the console opens for this host alone, and for no page of another", async () => {
  await using server = await TestServer.start();
  expect((await server.call("GET", "/console")).text).toContain("/console/console.js");
  const calls = { headers: { "X-Requested-With": "opsen-console" } };
  expect(record((await server.call("GET", "/console/session", calls)).json)).toMatchObject({ keyless: true });
  expect((await server.call("GET", "/console/api/config", calls)).status).toBe(200);
  const rebound = { headers: { ...calls.headers, Host: "evil.example" } };
  expectProblem(await server.call("GET", "/console/api/config", rebound), 403);
  expectProblem(await server.call("GET", "/console", { headers: { "X-Forwarded-For": "203.0.113.9" } }), 403);
  const foreign = { headers: { ...calls.headers, Origin: "http://127.0.0.1:1" } };
  expectProblem(await server.call("GET", "/console/api/config", foreign), 403);
});

test("without a console its paths are a backend's", async () => {
  await using backend = new HttpBackend({
    name: "own",
    handle: ({ url }) => new Response(new URL(url).pathname),
  });
  await using server = await TestServer.start({ config: { console: false } });
  await FakeAgent.join(server, { id: "own", endpoint: backend.url });
  expect((await server.call("GET", "/console")).text).toBe("/console");
  expect((await server.call("GET", "/console/live")).text).toBe("/console/live");
});

/** Opens the live connection as a page would; the first message that satisfies `probe`. */
async function listen(
  server: TestServer,
  headers: Record<string, string>,
  probe: (message: LiveMessage) => boolean,
): Promise<{ readonly socket: WebSocket; readonly message: LiveMessage }> {
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/console/live`, { headers });
  socket.addEventListener("open", () => socket.send('{"watch":["fleet","log"]}'));
  const message = await new Promise<LiveMessage>((resolve, reject) => {
    socket.addEventListener("message", ({ data }) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is what the server writes
      const told = JSON.parse(String(data)) as LiveMessage;
      if (probe(told)) resolve(told);
    });
    socket.addEventListener("close", ({ code }) => reject(new Error(`closed: ${code}`)));
  });
  return { socket, message };
}

test("the live connection tells of the fleet, and ends at once with the server", async () => {
  await using server = await TestServer.start({ config: { ...CONFIG, shutdown_timeout_seconds: 60 } });
  const cookie = await logIn(server, KEYS.admin);
  await FakeAgent.join(server, { id: "a", endpoint: "http://127.0.0.1:9", key: KEYS.admin });
  const headers = { Cookie: cookie, Origin: server.url };
  const { socket, message } = await listen(server, headers, ({ backends }) => backends?.ids?.length === 1);
  expect(message.backends?.changed).toMatchObject([{ id: "a", source: "agent" }]);
  const closed = new Promise<number>((resolve) =>
    socket.addEventListener("close", ({ code }) => resolve(code)),
  );
  const { code } = await server.stop();
  expect(code).toBe(0);
  expect(await closed).toBe(1001);
});

test("no page of another origin, and nobody without a log-in, gets a live connection", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  const cookie = await logIn(server, KEYS.read);
  const upgrade = {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const ask = (headers: Record<string, string>): Promise<Answer> =>
    server.call("GET", "/console/live", { headers: { ...upgrade, ...headers } });
  expectProblem(await ask({ Cookie: cookie, Origin: "http://127.0.0.1:1" }), 403);
  expectProblem(await ask({ Origin: OWN }), 401);
  expectProblem(await ask({ Cookie: cookie, Origin: OWN, "Sec-WebSocket-Version": "12" }), 400);
  expectProblem(await ask({ Cookie: cookie, Origin: OWN, Upgrade: "h2c" }), 400);
  expect((await ask({ Cookie: cookie, Origin: OWN })).status).toBe(101);
});

test("a live connection ends when its log-in does", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  const cookie = await logIn(server, KEYS.read);
  const { socket } = await listen(server, { Cookie: cookie, Origin: server.url }, () => true);
  const closed = new Promise<number>((resolve) =>
    socket.addEventListener("close", ({ code }) => resolve(code)),
  );
  await server.call("POST", "/console/logout", own(cookie));
  expect(await closed).toBe(1008);
});

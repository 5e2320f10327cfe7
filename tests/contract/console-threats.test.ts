/** What the web console defends against, by requests as an attacker would have them sent. */
import { expect, test } from "bun:test";
import { FakeAgent } from "../support/fake-agent.ts";
import { freePort } from "../support/free-port.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { type Json, record, string } from "../support/json.ts";
import { type CallOptions, call, openClient } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const KEYS = {
  admin: "admin-0123456789abcdef0123456789abcdef",
  read: "read-0123456789abcdef0123456789abcdef0",
  helper: "agent-0123456789abcdef0123456789abcdef",
} as const;

const CONFIG: Json = {
  api_keys: [
    { name: "admin", key: KEYS.admin, scopes: ["admin"] },
    { name: "read", key: KEYS.read, scopes: ["read"] },
    { name: "helper", key: KEYS.helper, scopes: ["agent", "route", "read"] },
  ],
};

const FORM = { "Content-Type": "application/x-www-form-urlencoded" };

function form(key: string, headers: Readonly<Record<string, string>> = {}): CallOptions {
  return { body: new URLSearchParams({ key }).toString(), headers: { ...FORM, ...headers } };
}

/** Logs in; the cookie to send. */
async function logIn(server: TestServer, key: string, port = server.port): Promise<string> {
  const answer = await call({ ...server.target, port }, "POST", "/console/login", form(key));
  return string(answer.header("Set-Cookie")).split(";")[0] ?? "";
}

function own(cookie: string, more: CallOptions = {}): CallOptions {
  return { ...more, headers: { Cookie: cookie, "X-Requested-With": "opsen-console", ...more.headers } };
}

test("a backend never sees a log-in, though browsers send cookies to every port of a host", async () => {
  const adminPort = freePort();
  const seen: (string | null)[] = [];
  await using backend = new HttpBackend({
    name: "thief",
    handle: ({ headers }) => {
      seen.push(headers.get("Cookie"));
      return new Response("ok");
    },
  });
  await using server = await TestServer.start({ config: { ...CONFIG, admin_port: adminPort } });
  const admin = { ...server.target, port: adminPort };
  await FakeAgent.join(
    { call: (method, path, options) => call(admin, method, path, options) },
    { id: "thief", endpoint: backend.url, key: KEYS.admin },
  );
  const cookie = await logIn(server, KEYS.admin, adminPort);
  for (const path of ["/console", "/console/x.png", "/console?x"]) {
    const headers = { Cookie: `a=1; ${cookie}; b=2` };
    expect((await server.call("GET", path, { headers })).text).toBe("ok");
  }
  expect((await server.call("GET", "/console/x", { headers: { Cookie: cookie } })).text).toBe("ok");
  expect(seen).toEqual(["a=1; b=2", "a=1; b=2", "a=1; b=2", null]);
  expect((await call(admin, "GET", "/console/api/backends", own(cookie))).status).toBe(200);
});

test("guesses that are sent at one time are throttled like guesses one after the other", async () => {
  await using server = await TestServer.start({ config: { ...CONFIG, workers: 1 } });
  const guess = "key=0123456789";
  const head = `POST /console/login HTTP/1.1\r\nHost: t\r\nContent-Type: ${FORM["Content-Type"]}\r\n`;
  const wires = await Promise.all(Array.from({ length: 60 }, () => openClient(server.target)));
  for (const wire of wires) {
    await wire.send(
      `${head}Content-Length: ${guess.length}\r\nConnection: close\r\n\r\n${guess.slice(0, -1)}`,
    );
  }
  // Each has been looked at when a request that came later is answered.
  await server.call("GET", "/console");
  const statuses = await Promise.all(
    wires.map(async (wire) => {
      await wire.send(guess.slice(-1));
      const { startLine } = await wire.readResponse("POST");
      await wire[Symbol.asyncDispose]();
      return startLine.split(" ")[1];
    }),
  );
  const judged = statuses.filter((status) => status === "403").length;
  expect({
    judged: judged > 0 && judged <= 22,
    rest: statuses.every((each) => each === "403" || each === "429"),
  }).toEqual({
    judged: true,
    rest: true,
  });
});

test("origins that may call the API may not call the console, and its own pages always may", async () => {
  const cors = { enable_cors: true, cors_allowed_origins: ["https://good.example"] };
  await using server = await TestServer.start({ config: { ...CONFIG, ...cors } });
  const origin = { Origin: "http://127.0.0.1" };
  const logged = await server.call("POST", "/console/login", form(KEYS.admin, origin));
  expect(logged.status).toBe(303);
  const cookie = string(logged.header("Set-Cookie")).split(";")[0] ?? "";
  const change = { json: { set: { stale_minutes: 3 } }, headers: origin };
  expect((await server.call("PATCH", "/console/api/config", own(cookie, change))).status).toBe(200);
  const good = { Origin: "https://good.example" };
  const foreign = await server.call("GET", "/console/api/config", own(cookie, { headers: good }));
  expect([foreign.status, foreign.header("Access-Control-Allow-Origin")]).toEqual([403, null]);
  const preflight = { ...good, "Access-Control-Request-Method": "PATCH" };
  const asked = await server.call("OPTIONS", "/console/api/config", { headers: preflight });
  expect(asked.header("Access-Control-Allow-Origin")).toBeNull();
});

/** Listens as a page does, for the log; the lines and how the connection ended, when so many messages have come or it has. */
function listen(server: TestServer, headers: Record<string, string>, messages: number): Promise<Json> {
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/console/live`, { headers });
  let lines = 0;
  let told = 0;
  return new Promise((resolve) => {
    socket.addEventListener("open", () => socket.send('{"watch":["log"]}'));
    socket.addEventListener("message", ({ data }) => {
      const { log } = record(JSON.parse(String(data)) as unknown);
      if (Array.isArray(log)) lines += log.length;
      if (++told < messages) return;
      socket.close();
      resolve({ lines, ended: false });
    });
    socket.addEventListener("close", ({ code }) => resolve({ lines, ended: code }));
  });
}

test("the log, which tells who did what, is for administrators", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  for (const [key, isTold] of [
    [KEYS.read, false],
    [KEYS.helper, false],
    [KEYS.admin, true],
  ] as const) {
    const headers = { Cookie: await logIn(server, key), Origin: server.url };
    const { lines, ended } = await listen(server, headers, 2);
    expect({ key, ended, isTold: lines !== 0 }).toEqual({ key, ended: false, isTold });
  }
});

test("a token for metrics alone leaves the console of a host without keys as open as it is", async () => {
  await using server = await TestServer.start({ config: { metrics_bearer_token: "t".repeat(40) } });
  expect(await listen(server, { Origin: server.url }, 3)).toMatchObject({ ended: false });
});

test("a log-in is good for no more than its key, and for no longer", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  const cookie = await logIn(server, KEYS.admin);
  const [name = "", value = ""] = cookie.split("=");
  const [id = "", mac = ""] = value.split(".");
  // A value that was planted before the log-in is none afterwards, and nobody can make one.
  for (const planted of [
    `${id}.${"A".repeat(mac.length)}`,
    id,
    `${id}.`,
    `.${mac}`,
    `${id}.${mac}x`,
    "x.y",
    "",
  ]) {
    const { status } = await server.call("GET", "/console/api/config", own(`${name}=${planted}`));
    expect({ planted, status }).toEqual({ planted, status: 401 });
  }
  const second = await server.call(
    "POST",
    "/console/login",
    form(KEYS.admin, { Cookie: `${name}=${id}.${mac}` }),
  );
  expect(string(second.header("Set-Cookie"))).not.toContain(id);
  await server.stop();
  await server.restart();
  expect((await server.call("GET", "/console/api/config", own(cookie))).status).toBe(401);
});

test("what pages show of a fleet is kept by no cache, framed by nobody, and leads nowhere else", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  const cookie = await logIn(server, KEYS.admin);
  for (const path of [
    "/console",
    "/console/session",
    "/console/news",
    "/console/schema",
    "/console/api/backends",
    "/console/api/config",
  ]) {
    const got = await server.call("GET", path, own(cookie));
    expect({
      path,
      status: got.status,
      cache: got.header("Cache-Control"),
      frames: got.header("X-Frame-Options"),
    }).toEqual({
      path,
      status: 200,
      cache: "no-store",
      frames: "DENY",
    });
  }
  for (const target of [
    "/console/login?next=https://evil.example",
    "/console/login//evil.example",
    "/console/?to=//evil.example",
  ]) {
    const got = await server.call("POST", target, form(KEYS.admin, { Referer: "https://evil.example/" }));
    expect([null, "/console"]).toContain(got.header("Location"));
  }
  const hostile = { Host: "evil.example", "X-Forwarded-Host": "evil.example" };
  expect((await server.call("GET", "/console/", { headers: hostile })).header("Location")).toBe("/console");
});

/** Whether the cookie of a log-in is sent over TLS alone. */
async function isSecure(config: Json, headers: Readonly<Record<string, string>>): Promise<boolean> {
  await using server = await TestServer.start({ config: { ...CONFIG, ...config } });
  const answer = await server.call("POST", "/console/login", form(KEYS.admin, headers));
  return string(answer.header("Set-Cookie")).includes("; Secure");
}

test("a log-in goes over TLS alone where a trusted proxy says that the console does", async () => {
  const trusting = { trusted_proxies: ["127.0.0.1"] };
  expect(await isSecure(trusting, { "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9" })).toBe(
    true,
  );
  expect(await isSecure(trusting, { "X-Forwarded-Proto": "http", "X-Forwarded-For": "203.0.113.9" })).toBe(
    false,
  );
  expect(await isSecure({}, { "X-Forwarded-Proto": "https" })).toBe(false);
});

test("where a proxy is in front, each client's guesses are its own, and no client can pass for another", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  const statuses = new Set<number>();
  for (let guess = 0; guess < 30; guess++) {
    const forged = { "X-Forwarded-For": `203.0.113.${guess}`, "X-Real-IP": `203.0.113.${guess}` };
    statuses.add((await server.call("POST", "/console/login", form("wrong", forged))).status);
  }
  expect([...statuses]).toEqual([403, 429]);
});

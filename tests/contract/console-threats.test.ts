/** What the web console defends against, by requests as an attacker would have them sent. */
import { expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
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

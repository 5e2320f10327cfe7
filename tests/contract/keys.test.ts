/** Who may do what in management: scopes of keys, agent tokens, keys in files. */
import { expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { FakeAgent, registrationOf, reportOf } from "../support/fake-agent.ts";
import { string } from "../support/json.ts";
import { expectProblem } from "../support/problem.ts";
import type { CallOptions } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";

const KEYS = {
  server_key: "everything-0123456789abcdef0123456789",
  agent: "agent-0123456789abcdef0123456789abcdef",
  route: "route-0123456789abcdef0123456789abcdef",
  read: "read-0123456789abcdef0123456789abcdef0",
  admin: "admin-0123456789abcdef0123456789abcdef",
  plain: "plain-0123456789abcdef0123456789abcdef",
} as const;

const CONFIG = {
  server_key: KEYS.server_key,
  api_keys: [
    KEYS.plain,
    ...(["agent", "route", "read", "admin"] as const).map((scope) => ({ key: KEYS[scope], scopes: [scope] })),
  ],
};

type Caller = keyof typeof KEYS;

const CALLERS: readonly Caller[] = ["server_key", "agent", "route", "read", "admin", "plain"];
const EVERYTHING: readonly Caller[] = ["server_key", "admin", "plain"];

/** Every call of management, and who may make it beside those who may do everything. */
const CALLS: readonly (readonly [method: string, path: string, by: readonly Caller[], json?: unknown])[] = [
  ["POST", "/register", ["agent"], registrationOf({ id: "new", endpoint: "http://127.0.0.1:9001" })],
  ["POST", "/stats", ["agent"], reportOf({ id: "b" })],
  ["POST", "/route", ["route"], {}],
  ["POST", "/route/explain", ["route", "read"], {}],
  ["PUT", "/leases/0", ["route"]],
  ["DELETE", "/leases/0", ["route"]],
  ["GET", "/leases", ["read"]],
  ["GET", "/clients", ["read"]],
  ["HEAD", "/clients", ["read"]],
  ["GET", "/clients/b", ["read"]],
  ["GET", "/swagger/json", ["read"]],
  ["GET", "/migrations", ["read"]],
  ["GET", "/migrations/1/report", ["read"]],
  ["POST", "/migrations", [], {}],
  ["POST", "/migrations/1/abort", []],
  ["POST", "/clients/purge", []],
  ["POST", "/clients/purge-pending", []],
];

function withKey(key: string): CallOptions {
  return { headers: { "X-API-Key": key } };
}

test("each key does what its scopes say, and nothing else", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  await FakeAgent.join(server, {
    id: "b",
    endpoint: "http://127.0.0.1:9000",
    key: KEYS.agent,
    keepToken: false,
  });
  for (const [method, path, by, json] of CALLS) {
    for (const caller of CALLERS) {
      const answer = await server.call(method, path, {
        ...withKey(KEYS[caller]),
        ...(json !== undefined && { json }),
      });
      const may = by.includes(caller) || EVERYTHING.includes(caller);
      // Past the guard anything may happen but this.
      expect({ method, path, caller, refused: answer.status === 403 }).toEqual({
        method,
        path,
        caller,
        refused: !may,
      });
    }
  }
  const refusal = expectProblem(
    await server.call("POST", "/route", { ...withKey(KEYS.read), json: {} }),
    403,
  );
  expect(string(refusal.detail)).toBe("This key has the scopes read; the call takes route or admin.");
});

test("a refused scope is no guess: it is not throttled", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  for (let count = 0; count < 200; count++) {
    expect((await server.call("POST", "/clients/purge", withKey(KEYS.read))).status).toBe(403);
  }
  expect((await server.call("GET", "/clients", withKey(KEYS.read))).status).toBe(200);
});

test("an agent's key removes and drains its own backend only; an administrator any", async () => {
  await using server = await TestServer.start({ config: CONFIG });
  // Begins like a call of the API, and is none.
  const id = "purge-mine";
  const mine = await FakeAgent.join(server, {
    id,
    endpoint: "http://127.0.0.1:9001",
    key: KEYS.agent,
  });
  for (const other of ["hers", "his"]) {
    await FakeAgent.join(server, {
      id: other,
      endpoint: `http://127.0.0.1:900${other.length}`,
      key: KEYS.agent,
    });
  }
  const token = { "X-API-Key": KEYS.agent, "X-Opsen-Agent-Token": mine.token ?? "" };
  for (const [method, call] of [
    ["POST", "/drain"],
    ["POST", "/undrain"],
    ["DELETE", ""],
  ] as const) {
    expectProblem(await server.call(method, `/clients/hers${call}`, withKey(KEYS.agent)), 403);
    expectProblem(await server.call(method, `/clients/hers${call}`, { headers: token }), 403);
    const forged = { headers: { "X-API-Key": KEYS.agent, "X-Opsen-Admin": "1", x_opsen_admin: "1" } };
    expectProblem(await server.call(method, `/clients/hers${call}`, forged), 403);
    expectProblem(await server.call(method, `/clients/hers${call}`, withKey(KEYS.route)), 403);
    expect((await server.call(method, `/clients/${id}${call}`, { headers: token })).status).toBeWithin(
      200,
      205,
    );
    expect((await server.call(method, `/clients/his${call}`, withKey(KEYS.admin))).status).toBeWithin(
      200,
      205,
    );
  }
  const left = await server.call("GET", "/clients", withKey(KEYS.read));
  expect(left.text).toContain("hers");
  expect(left.text).not.toContain(id);
});

test("keys may stand in files, and a file that changes counts within seconds", async () => {
  const dir = makeTempDir();
  try {
    const file = join(dir, "key");
    const other = join(dir, "reader");
    writeFileSync(file, `${KEYS.server_key}\n`, { mode: 0o600 });
    writeFileSync(other, KEYS.read, { mode: 0o600 });
    await using server = await TestServer.start({
      config: { server_key_file: file, api_keys: [{ key_file: other, scopes: ["read"], name: "dashboard" }] },
    });
    const works = async (key: string): Promise<boolean> =>
      (await server.call("GET", "/clients", withKey(key))).status === 200;
    expect([await works(KEYS.server_key), await works(KEYS.read), await works(KEYS.plain)]).toEqual([
      true,
      true,
      false,
    ]);
    const line = await server.log("the access line", (entry) => JSON.stringify(entry).includes("dashboard"));
    expect(JSON.stringify(line)).not.toContain(KEYS.read);

    writeFileSync(file, "");
    await server.log("the complaint", (entry) => String(entry.message).includes("new keys are not used"));
    expect(await works(KEYS.server_key)).toBe(true);
    writeFileSync(file, KEYS.plain);
    await server.log("the change", (entry) => String(entry.message).includes("new keys are in use"));
    await eventually("the new key counts in every worker", async () => {
      const tries = await Promise.all(Array.from({ length: 8 }, () => works(KEYS.plain)));
      return tries.every(Boolean) ? true : null;
    });
    await eventually("the old key is refused", async () => ((await works(KEYS.server_key)) ? null : true));
  } finally {
    removeDir(dir);
  }
});

test("keys that can be guessed and files that all may read are told at the start, without the key", async () => {
  const dir = makeTempDir();
  try {
    const file = join(dir, "key");
    writeFileSync(file, KEYS.admin);
    chmodSync(file, 0o644);
    await using server = await TestServer.start({
      config: {
        server_key: "changeme",
        api_keys: [
          { key: "change-this-key-before-production-0123", scopes: ["read"], name: "ci" },
          { key_file: file, scopes: ["admin"] },
        ],
      },
    });
    const warnings = server.logs().filter(({ level }) => level === "WARN" || level === "warn");
    const text = warnings.map((entry) => JSON.stringify(entry)).join("\n");
    expect(text).toContain('"key":"server_key"');
    expect(text).toContain('"key":"ci"');
    expect(text).not.toContain('"key":"api_keys[1]"');
    expect(text).toContain(file);
    expect(server.child.output).not.toContain("changeme");
  } finally {
    removeDir(dir);
  }
});

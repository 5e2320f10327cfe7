/** Keys of less than everything change nothing, however a call is spelt and by whichever way it comes. */
import { expect, test } from "bun:test";
import { HttpBackend } from "../support/http-backend.ts";
import { record, records, string } from "../support/json.ts";
import type { CallOptions } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const SCOPES = ["read", "metrics", "route", "agent"] as const;
const ADMIN = "admin-0123456789abcdef0123456789abcdef";

function keyOf(name: string): string {
  return `${name}-0123456789abcdef0123456789abcdef`;
}

async function start(backend: HttpBackend): Promise<TestServer> {
  return await TestServer.start({
    config: {
      workers: 1,
      cache_enabled: true,
      server_key: ADMIN,
      api_keys: [
        ...SCOPES.map((scope) => ({ name: scope, key: keyOf(scope), scopes: [scope] })),
        // All that is not `admin`, in one key.
        { name: "most", key: keyOf("most"), scopes: [...SCOPES] },
      ],
      backends: [
        { id: "b", url: backend.url, tags: ["blue"] },
        { id: "c", url: backend.url, tags: ["green"] },
      ],
    },
  });
}

function withKey(key: string, more: CallOptions = {}): CallOptions {
  return { ...more, headers: { "X-API-Key": key, ...more.headers } };
}

/** Everything that a call could have changed. */
async function stateOf(server: TestServer): Promise<unknown> {
  const ask = async (path: string) => record((await server.call("GET", path, withKey(ADMIN))).json);
  const { version, backends } = await ask("/backends");
  const { leases } = await ask("/leases");
  return {
    version,
    backends: records(backends).map(({ id, draining, weight, tags }) => ({ id, draining, weight, tags })),
    leases: records(leases).map(({ lease_id }) => lease_id),
    audit: (await ask("/audit")).entries,
    migrations: (await ask("/migrations")).migrations,
    entries: (await ask("/cache")).entries,
  };
}

/** Every call that the server describes itself, with ids in the place of parameters. */
async function callsOf(server: TestServer): Promise<{ readonly method: string; readonly path: string }[]> {
  const { paths } = record((await server.call("GET", "/swagger/json", withKey(ADMIN))).json);
  return Object.entries(record(paths)).flatMap(([path, operations]) =>
    Object.keys(record(operations)).map((method) => ({
      method: method.toUpperCase(),
      path: path.replaceAll(
        /\{migration_id\}|\{id\}|\{client_id\}|\{lease_id\}/g,
        path.includes("migrations") ? "1" : "b",
      ),
    })),
  );
}

test("no call that the server describes changes anything for keys without admin", async () => {
  await using backend = new HttpBackend({ name: "b" });
  await using server = await start(backend);
  const calls = await callsOf(server);
  expect(calls.length).toBeGreaterThan(40);
  const leased = await server.call("POST", "/route", withKey(ADMIN, { json: {} }));
  expect(leased.status).toBe(200);
  const before = await stateOf(server);
  const looks = new Set(["GET", "HEAD", "OPTIONS"]);
  for (const { method, path } of calls.filter(({ path: each }) => each !== "/route")) {
    for (const scope of SCOPES) {
      for (const options of [{ json: {} }, {}]) {
        const { status } = await server.call(method, path, withKey(keyOf(scope), options));
        // A GET with the name of another method in a field is still a GET.
        const mayLook = looks.has(method) || path === "/route/explain";
        if (
          !mayLook &&
          (scope === "read" || scope === "metrics") &&
          !/^\/(?:health|ping|metrics)$/.test(path)
        ) {
          expect({ method, path, scope, status }).toEqual({ method, path, scope, status: 403 });
        }
      }
    }
    for (const odd of [method.toLowerCase(), "QUERY", "PROPFIND"]) {
      await server.call(odd, path, withKey(keyOf("read"), { json: {} }));
    }
    for (const name of ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"]) {
      await server.call("GET", path, withKey(keyOf("read"), { headers: { [name]: method } }));
    }
  }
  expect(await stateOf(server)).toEqual(before);
}, 60_000);

/** What some parser might take for that path. */
function spellings(path: string): string[] {
  const [, first = "", ...rest] = path.split("/");
  const tail = rest.length === 0 ? "" : `/${rest.join("/")}`;
  const last = rest.at(-1) ?? first;
  const head = path.slice(0, path.length - last.length);
  const encoded = `%${last.charCodeAt(0).toString(16)}${last.slice(1)}`;
  return [
    path,
    `${head}${encoded}`,
    `${head}%25${encoded.slice(1)}`,
    `/%2e/..${path}`,
    `/x/..${path}`,
    `/x/%2e%2e${path}`,
    `/.${path}`,
    `/${path}`,
    `//opsen.internal${path}`,
    `${path}/`,
    `${path}/.`,
    `${path}?`,
    `${path};x`,
    `${path}%3fx`,
    `${path}%23`,
    `${path}%00`,
    `${path}%2f`,
    `${path}%09`,
    `${path}|`,
    `/${first}%2f${tail.slice(1)}`,
    `/${first.toUpperCase()}${tail}`,
    `/clients/..%2f..${path}`,
    `/clients/x/../../${path.slice(1)}`,
    `/leases/%2e%2e${path}`,
    `@opsen.internal${path}`,
    `:80${path}`,
  ];
}

test("no spelling gives a call more than the key has, at the API or through the console", async () => {
  await using backend = new HttpBackend({ name: "b" });
  await using server = await start(backend);
  const form = { "Content-Type": "application/x-www-form-urlencoded" };
  const logged = await server.call("POST", "/console/login", { body: `key=${keyOf("most")}`, headers: form });
  const cookie = string(logged.header("Set-Cookie")).split(";")[0] ?? "";
  expect((await server.call("POST", "/route", withKey(ADMIN, { json: {} }))).status).toBe(200);
  const before = await stateOf(server);
  const session = { Cookie: cookie, "X-Requested-With": "opsen-console" };
  // What a client must not be able to say for itself.
  const claims = {
    "X-Opsen-Admin": "1",
    X_Opsen_Admin: "1",
    "X-Opsen-Actor": "admin",
    "X-Opsen-Secret": "x",
  };
  const calls = [
    ["POST", "/clients/purge"],
    ["POST", "/clients/purge-pending"],
    ["DELETE", "/clients/b"],
    ["POST", "/clients/b/drain"],
    ["DELETE", "/backends/b"],
    ["POST", "/backends/b/drain"],
    ["PATCH", "/config"],
    ["POST", "/config/reload"],
    ["DELETE", "/cache"],
    ["GET", "/audit"],
  ] as const;
  const json = { set: { stale_minutes: 9 } };
  for (const [method, path] of calls) {
    for (const spelt of spellings(path)) {
      for (const [target, headers] of [
        [spelt, { "X-API-Key": keyOf("most"), ...claims }],
        [`/console/api${spelt}`, { ...session, ...claims }],
        [`http://127.0.0.1/console/api${spelt}`, { ...session, ...claims }],
      ] as const) {
        const got = await server.call(method, target, { headers, ...(method === "GET" ? {} : { json }) });
        // What is no management goes to the backend, which answers with its name.
        const isHarmless = got.status >= 400 || got.text === "b";
        expect({ method, target, isHarmless }).toEqual({ method, target, isHarmless: true });
      }
    }
  }
  expect({ ...record(await stateOf(server)), entries: 0 }).toEqual({ ...record(before), entries: 0 });
}, 60_000);

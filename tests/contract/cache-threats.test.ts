/** What nobody can have the cache give to others, or find out through it. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { selfSigned } from "../support/certificate.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { type Json, number, record } from "../support/json.ts";
import { type CallOptions, openClient } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeDir(dir));

interface Stand extends AsyncDisposable {
  readonly server: TestServer;
  readonly backend: HttpBackend;
  /** Asks; what came, in short. */
  readonly text: (path: string, headers?: Readonly<Record<string, string>>) => Promise<string>;
}

/** A server with a cache before a backend that answers with what it was told, and with leave to store it. */
async function stand(
  answer: (request: Request) => Response,
  config: Json = {},
  options: Pick<CallOptions, "headers"> = {},
): Promise<Stand> {
  const backend = new HttpBackend({ name: "origin", handle: answer });
  const server = await TestServer.start({ config: { workers: 1, cache_enabled: true, ...config } });
  await FakeAgent.join(server, { id: "origin", endpoint: backend.url });
  return {
    server,
    backend,
    text: async (path, headers = {}) =>
      (await server.call("GET", path, { headers: { ...options.headers, ...headers } })).text,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

function stored(text: string, headers: Readonly<Record<string, string>> = {}, status = 200): Response {
  return new Response(text, { status, headers: { "Cache-Control": "max-age=600", ...headers } });
}

/** Fields that one framework or another takes for method, scheme, host or path. */
const MEANING = [
  "X-Forwarded-Host",
  "X-Forwarded-Scheme",
  "X-Forwarded-Proto",
  "X-Forwarded-Protocol",
  "X-Forwarded-Ssl",
  "X-Forwarded-Server",
  "X-Forwarded-Port",
  "X-Forwarded-Prefix",
  "X-Forwarded-Path",
  "X-Forwarded-Uri",
  "X-Forwarded-For",
  "Forwarded",
  "X-Host",
  "X-Original-Host",
  "X-Original-URL",
  "X-Rewrite-URL",
  "X-HTTP-Method-Override",
  "X-HTTP-Method",
  "X-Method-Override",
  "X-HTTP-Host-Override",
  "X-URL-Scheme",
  "X-Scheme",
  "Front-End-Https",
] as const;

test("no field that may change what a request means can change what others get", async () => {
  await using it = await stand(({ headers }) =>
    stored([...headers.values()].some((value) => value.includes("evil")) ? "poisoned" : "clean"),
  );
  const names = MEANING.flatMap((name) => [name, name.replaceAll("-", "_"), name.toUpperCase()]);
  for (const [at, name] of names.entries()) {
    const path = `/p${at}`;
    await it.text(path, { [name]: "evil" });
    expect({ name, got: await it.text(path) }).toEqual({ name, got: "clean" });
  }
});

test("a field of the key is what it says, in its own spelling alone", async () => {
  await using it = await stand(
    ({ headers }) => stored(headers.get("X-Forwarded-Server") ?? headers.get("X_Forwarded_Server") ?? "none"),
    { cache_key_headers: ["X-Forwarded-Server"] },
  );
  for (const value of ["a", "b", "a"])
    expect(await it.text("/k", { "X-Forwarded-Server": value })).toBe(value);
  expect(it.backend.hits).toBe(2);
  await it.text("/k", { X_Forwarded_Server: "c" });
  expect(await it.text("/k")).toBe("none");
});

test("Host, query and target are part of the key as they were sent; a body never is", async () => {
  await using it = await stand((request) => stored(`${request.headers.get("Host")} ${request.url}`));
  for (const [path, host] of [
    ["/a", "one.example"],
    ["/a", "two.example"],
    ["/a?x=1", "one.example"],
    ["/a?x=1&", "one.example"],
    ["/a?x=%31", "one.example"],
    ["/%61", "one.example"],
    ["//a", "one.example"],
  ] as const) {
    const before = it.backend.hits;
    await it.text(path, { Host: host });
    expect({ path, host, asked: it.backend.hits - before }).toEqual({ path, host, asked: 1 });
  }
  await using fat = await stand(() => stored("x"));
  await using client = await openClient(fat.server.target);
  await client.send("GET /f HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\r\nevil");
  await client.readResponse("GET");
  await fat.text("/f");
  expect(fat.backend.hits).toBe(2);
});

test("what a part, a large head or too many requests provoke is nobody else's answer", async () => {
  const provoked = [411, 412, 413, 415, 416, 417, 421, 425, 426, 428, 429, 431, 511];
  await using it = await stand(({ headers }) => {
    const status = Number(headers.get("X-Provoke") ?? 200);
    return stored(`${status}`, {}, status);
  });
  for (const status of provoked) {
    const path = `/${status}`;
    expect(await it.text(path, { "X-Provoke": `${status}`, Range: "bytes=9999-" })).toBe(`${status}`);
    expect(await it.text(path)).toBe("200");
  }
});

test("what is for one client stays with that client", async () => {
  await using it = await stand(({ headers, url }) => {
    const { pathname } = new URL(url);
    const who =
      headers.get("Authorization") ?? headers.get("X-API-Key") ?? headers.get("X_API_KEY") ?? "nobody";
    if (pathname === "/cookie") return stored(headers.get("X-Who") ?? "", { "Set-Cookie": "session=1" });
    return stored(who, pathname === "/address" ? { Vary: "X-Forwarded-For" } : {});
  });
  for (const name of ["Authorization", "X-API-Key", "X_API_KEY"]) {
    const path = `/${name}`;
    expect(await it.text(path, { [name]: "ann" })).toBe("ann");
    expect(await it.text(path, { [name]: "bob" })).toBe("bob");
    expect(await it.text(path)).toBe("nobody");
  }
  expect(await it.text("/cookie", { "X-Who": "ann" })).toBe("ann");
  expect(await it.text("/cookie", { "X-Who": "bob" })).toBe("bob");
  const before = it.backend.hits;
  await it.text("/address");
  await it.text("/address");
  // The same address is the same client; what others get is in tests/server/proxy/cache.
  expect(it.backend.hits - before).toBe(1);
});

test("what a backend answers to one certificate no other client gets", async () => {
  const certificate = selfSigned();
  const client = selfSigned("ann");
  await Bun.write(`${dir}/main.crt`, certificate.cert);
  await Bun.write(`${dir}/main.key`, certificate.key);
  await Bun.write(`${dir}/ca.crt`, client.cert);
  await using backend = new HttpBackend({
    name: "origin",
    handle: ({ headers }) => stored(headers.get("X-Client-Cert-Subject") ?? "nobody"),
  });
  await using server = await TestServer.start({
    config: {
      workers: 1,
      cache_enabled: true,
      tls_cert_file: `${dir}/main.crt`,
      tls_key_file: `${dir}/main.key`,
      tls_client_auth: "optional",
      tls_client_ca_file: `${dir}/ca.crt`,
    },
    ca: certificate.cert,
  });
  await FakeAgent.join(server, { id: "origin", endpoint: backend.url });
  const ask = async (target: typeof server.target): Promise<string> => {
    await using wire = await openClient(target);
    await wire.send("GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    return (await wire.readResponse("GET")).body.toString("utf8");
  };
  expect(await ask({ ...server.target, client })).toBe("CN=ann");
  expect(await ask(server.target)).toBe("nobody");
  expect(await ask({ ...server.target, client })).toBe("CN=ann");
});

test("the cache is purged by administrators, and holds no more than it may", async () => {
  const keys = ["read", "route", "agent", "metrics", "admin"].map((scope) => ({
    name: scope,
    key: `${scope}-0123456789abcdef0123456789abcdef`,
    scopes: [scope],
  }));
  const backend = new HttpBackend({ name: "origin", handle: () => stored("x".repeat(1000)) });
  await using server = await TestServer.start({
    config: {
      workers: 1,
      cache_enabled: true,
      cache_max_entries: 50,
      api_keys: keys,
      backends: [{ id: "origin", url: backend.url }],
    },
  });
  for (let count = 0; count < 200; count++) await server.call("GET", `/${count}?${"k".repeat(4000)}`);
  for (const { name, key } of keys) {
    const { status } = await server.call("DELETE", "/cache?prefix=/none", { headers: { "X-API-Key": key } });
    expect({ name, status }).toEqual({ name, status: name === "admin" ? 200 : 403 });
  }
  const admin = { headers: { "X-API-Key": keys.at(-1)?.key ?? "" } };
  const shown = record((await server.call("GET", "/cache", admin)).json);
  expect(number(shown.entries)).toBeLessThanOrEqual(50);
  expect(number(shown.entries)).toBeGreaterThan(0);
  await backend[Symbol.asyncDispose]();
});

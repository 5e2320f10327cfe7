import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, openSync, readdirSync, writeFileSync } from "node:fs";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { type RunningServer, startServer } from "../../../server/control/app.ts";
import { Log } from "../../../server/control/logging/logger.ts";
import { Descriptor } from "../../../server/control/logging/outlet.ts";
import { selfSigned } from "../../support/certificate.ts";
import { eventually } from "../../support/eventually.ts";
import { type Json, record } from "../../support/json.ts";
import { configOf, failureOf, idleReport, temporaryDirectory } from "./fixtures.ts";

const directory = temporaryDirectory();
const usualTmp = process.env.TMPDIR;
// The directories of control sockets are made here, where nobody else makes any.
process.env.TMPDIR = directory.path;
afterAll(() => {
  if (usualTmp === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = usualTmp;
  directory[Symbol.dispose]();
});

let databases = 0;

async function start(overrides: Partial<ServerConfig> = {}): Promise<RunningServer> {
  const fd = openSync(`${directory.path}/log`, "a");
  const log = new Log({ level: "fatal", json: false, outlet: new Descriptor(fd), now: Date.now });
  const config = configOf({
    host: "127.0.0.1",
    port: 0,
    workers: 2,
    log_level: "fatal",
    database: `${directory.path}/${databases++}.db`,
    shutdown_timeout_seconds: 5,
    rate_limit_per_minute: 0,
    proxy_endpoints: ["/"],
    ...overrides,
  });
  try {
    return await startServer(config, { version: "0.0.0-test", source: null, log });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function post(server: RunningServer, path: string, body: unknown): Promise<Response> {
  return fetch(`http://127.0.0.1:${server.port}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

function controlDirectories(): string[] {
  return readdirSync(directory.path).filter((name) => name.startsWith("opsen-"));
}

describe("a server", () => {
  let backend: Bun.Server<undefined>;

  beforeAll(() => {
    backend = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      development: false,
      fetch: () => new Response("room"),
    });
  });
  afterAll(() => void backend.stop(true));

  test("routes to what was registered as soon as that is answered, and stops cleanly", async () => {
    const server = await start();
    expect(controlDirectories()).toHaveLength(1);
    const registration = { client_id: "a", endpoint_url: `http://127.0.0.1:${backend.port}` };
    expect((await post(server, "/register", registration)).status).toBe(200);
    const cores = Array<number>(64).fill(0);
    expect((await post(server, "/stats", idleReport("a", { cpu_usage_avg: cores }))).status).toBe(200);
    const answers = await Promise.all(
      Array.from({ length: 32 }, () =>
        fetch(`http://127.0.0.1:${server.port}/x`, { keepalive: false }).then((answer) => answer.text()),
      ),
    );
    expect(answers).toEqual(Array<string>(32).fill("room"));
    await server.stop();
    await server.stop();
    expect(await failureOf(fetch(`http://127.0.0.1:${server.port}/x`))).not.toBeNull();
    expect(controlDirectories()).toEqual([]);
  });

  test("knows after a restart what it knew before, and does not register itself", async () => {
    const database = `${directory.path}/again.db`;
    const first = await start({ database });
    const registration = { client_id: "a", endpoint_url: `http://127.0.0.1:${backend.port}` };
    await post(first, "/register", registration);
    await post(first, "/stats", idleReport("a"));
    const own = { client_id: "self", endpoint_url: `http://127.0.0.1:${first.port}` };
    expect((await post(first, "/register", own)).status).toBe(400);
    await first.stop();
    const second = await start({ database });
    const answer = await post(second, "/route", { tier: "lite" });
    expect(await answer.json()).toMatchObject({ client_id: "a" });
    await second.stop();
  });
});

test("a server whose database cannot be written serves on and says so", async () => {
  const database = `${directory.path}/busy.db`;
  const server = await start({ database });
  const health = async (): Promise<Json> =>
    record(await (await fetch(`http://127.0.0.1:${server.port}/health`)).json());
  {
    using other = new Database(database);
    other.run("BEGIN IMMEDIATE");
    const registration = { client_id: "a", endpoint_url: "http://127.0.0.1:9" };
    expect((await post(server, "/register", registration)).status).toBe(200);
    await eventually("the failure is told", async () => "degraded" in (await health()));
    const { status, degraded } = await health();
    expect([status, degraded]).toEqual(["ok", "the database cannot be written: database is locked"]);
  }
  await eventually("it is written again", async () => !("degraded" in (await health())));
  await server.stop();
}, 20_000);

describe("a server that cannot start says why", () => {
  test("port in use", async () => {
    const server = await start();
    expect(await failureOf(start({ port: server.port }))).toMatch(
      /the port is in use; stop what uses it .*key `port`/,
    );
    await server.stop();
  });

  test("no such directory for the database", async () => {
    const database = `${directory.path}/none/x.db`;
    expect(await failureOf(start({ database }))).toMatch(/none\/x\.db: its directory does not exist/);
  });

  test("another server on the same database", async () => {
    const database = `${directory.path}/shared.db`;
    const server = await start({ database });
    expect(await failureOf(start({ database }))).toMatch(/shared\.db: another server uses it; stop that one/);
    await server.stop();
    await (await start({ database })).stop();
  });

  test("certificate and key", async () => {
    const one = selfSigned();
    const other = selfSigned();
    const cert = `${directory.path}/cert.pem`;
    const key = `${directory.path}/key.pem`;
    const files = { tls_cert_file: cert, tls_key_file: key };
    expect(await failureOf(start(files))).toMatch(/tls_cert_file: cannot read .*cert\.pem; check the path/);
    writeFileSync(cert, "garbage");
    writeFileSync(key, other.key);
    expect(await failureOf(start(files))).toMatch(
      /tls_cert_file: .*cert\.pem holds no certificate in PEM form/,
    );
    writeFileSync(cert, one.cert);
    expect(await failureOf(start(files))).toMatch(/key in .*key\.pem does not belong to the certificate/);
  });

  test("GeoIP database", async () => {
    const geoip = `${directory.path}/geo.mmdb`;
    expect(await failureOf(start({ geoip_db_path: geoip }))).toMatch(/geoip_db_path: cannot read/);
    writeFileSync(geoip, "garbage");
    expect(await failureOf(start({ geoip_db_path: geoip }))).toMatch(/is not a MaxMind database/);
  });
});

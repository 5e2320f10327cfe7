/** The commands of the compiled server against a running one. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Child, type Finished } from "../support/child.ts";
import { Cluster } from "../support/cluster.ts";
import { commandOf } from "../support/executables.ts";
import { Gate, HttpBackend } from "../support/http-backend.ts";
import { record, records } from "../support/json.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";

const KEY = "correct-horse-battery-staple";
const READER = "only-looks";

let cluster: Cluster;
let dir = "";
const gate = new Gate();

async function handle(request: Request): Promise<Response> {
  if (new URL(request.url).pathname === "/slow") await gate.pass();
  return new Response("ok");
}

beforeAll(async () => {
  dir = makeTempDir();
  cluster = await Cluster.start(
    [
      { name: "alpha", handle, agent: { key: KEY, cpu: [10, 20, 30, 40], latitude: 48.2, longitude: 16.4 } },
      { name: "beta", handle, agent: { key: KEY, cpu: 99, latitude: 40.7, longitude: -74 } },
    ],
    { config: { server_key: KEY, api_keys: [{ key: READER, name: "reader", scopes: ["read"] }] } },
  );
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  removeDir(dir);
});

async function run(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  await using child = new Child({
    command: [...commandOf("server"), ...words],
    cwd: dir,
    env: { OPSEN_SERVER: cluster.server.url, OPSEN_API_KEY: KEY, ...env },
  });
  return await child.finished();
}

describe("what looks", () => {
  test("status shows the server on one screen", async () => {
    await cluster.server.call("GET", "/x");
    const { code, stdout, stderr } = await run(["status"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^opsen-server \d+\.\d+\.\d+ at http:\/\/127\.0\.0\.1:\d+/);
    expect(stdout).toMatch(/^ready +yes$/m);
    expect(stdout).toMatch(/^backends +2: /m);
    expect(stdout).toMatch(/^traffic +[\d.]+ requests\/s, [\d.]+ errors\/s, \d+ in flight$/m);
    expect(stdout).toMatch(/^leases +0 held$/m);
    expect(stdout).toMatch(/^store +in order$/m);
    expect(stdout.split("\n").length).toBeLessThanOrEqual(24);
  });

  test("status --json is JSON and nothing else", async () => {
    const { code, stdout } = await run(["status", "--json"]);
    expect(code).toBe(0);
    const whole = record(JSON.parse(stdout));
    expect(Object.keys(whole).toSorted()).toEqual(["backends", "health", "leases", "ready"]);
    expect(record(whole.health)).toMatchObject({ status: "ok", total_clients: 2 });
  });

  test("backends is a table, and the server's own answer with --json", async () => {
    const { code, stdout } = await run(["backends"]);
    expect(code).toBe(0);
    const [head = "", ...rows] = stdout.trimEnd().split("\n");
    expect(head).toMatch(/^ID +STATUS +/);
    expect(rows.map((each) => each.split(/\s+/)[0])).toEqual(["alpha", "beta"]);
    expect(rows[0]).toContain("25%");
    expect(rows[0]).toContain(cluster.backend("alpha").url);
    expect(JSON.parse((await run(["backends", "--json"])).stdout)).toBeDefined();
    expect((await run(["backends", "--status", "ejected"])).stdout).toBe("none of 2 backends is meant");
  });

  test("explain is a table of filters and scores, best first", async () => {
    const words = ["explain", "--tier", "small", "--lat", "48", "--lon", "16"];
    const { code, stdout } = await run(words);
    expect(code).toBe(0);
    const [said, , head, first = "", second = ""] = stdout.split("\n");
    expect(said).toBe("tier small: alpha");
    expect(head).toMatch(/ID +SCORE +DISTANCE +CPU +MEMORY +GPU +LATENCY +FLIGHT +LEASES +REPORT/);
    expect(first).toMatch(/^\* +alpha +[\d.]+/);
    expect(second).toMatch(/^ +beta +- .*cpu: 0 of \d cores free/);
    const answer = record(JSON.parse((await run([...words, "--json"])).stdout));
    expect(answer).toMatchObject({ tier: "small", chosen: "alpha" });
    expect(records(answer.backends)).toHaveLength(2);
  });

  test("leases lists what is held", async () => {
    expect((await run(["leases"])).stdout).toBe("no leases");
    const headers = { "X-API-Key": KEY };
    const held = await cluster.server.call("POST", "/route", { json: { tier: "small" }, headers });
    expect(held.status).toBe(200);
    const lease = String(record(held.json).lease_id);
    const { stdout } = await run(["leases"]);
    expect(stdout).toMatch(/^LEASE +BACKEND +TIER +KIND +HELD +EXPIRES IN$/m);
    expect(stdout).toMatch(new RegExp(`^${lease} +alpha +small +route +`, "m"));
    expect(record(JSON.parse((await run(["leases", "--json"])).stdout))).toMatchObject({ total: 1 });
    await cluster.server.call("DELETE", `/leases/${lease}`, { headers });
  });

  test("top prints one picture when its output is no terminal", async () => {
    const { code, stdout } = await run(["top"], { LANG: "C" });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^vBACKEND +STATUS +CPU/m);
    expect(stdout).toMatch(/^alpha +\w+ +#+\.* +25%/m);
    expect(stdout).not.toContain("\x1b");
  });
});

describe("what steers", () => {
  test("drain waits for the last request, and undrain takes it back", async () => {
    const slow = cluster.server.call("GET", "/slow");
    await gate.waitFor(1);
    const early = await run(["drain", "alpha", "--wait", "1"]);
    expect(early.code).toBe(1);
    expect(early.stdout).toBe("alpha gets no new requests; 1 requests in flight, 1 leases");
    const waiting = run(["drain", "alpha", "--wait", "20", "--json"]);
    gate.open();
    expect((await slow).status).toBe(200);
    const { code, stdout } = await waiting;
    expect(code).toBe(0);
    expect(record(JSON.parse(stdout))).toMatchObject({ draining: true, in_flight: 0 });
    expect((await run(["backends", "--status", "draining"])).stdout).toMatch(/^alpha +draining/m);
    expect(await run(["undrain", "alpha"])).toMatchObject({ code: 0, stdout: "alpha is back in service" });
  });

  test("an unknown backend is refused with 1", async () => {
    const { code, stdout, stderr } = await run(["drain", "gamma"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("gamma");
  });
});

describe("who may", () => {
  test("a wrong key, none, and one that may only look", async () => {
    const wrong = await run(["leases"], { OPSEN_API_KEY: "wrong" });
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain("--key-file");
    expect(wrong.stderr).not.toContain("wrong-");
    expect((await run(["leases"], { OPSEN_API_KEY: "" })).code).toBe(1);
    expect((await run(["leases"], { OPSEN_API_KEY: READER })).code).toBe(0);
    const refused = await run(["drain", "beta", "--json"], { OPSEN_API_KEY: READER });
    expect(refused.code).toBe(1);
    expect(record(JSON.parse(refused.stdout)).status).toBe(403);
  });

  test("address and key from the server's own file", async () => {
    const file = join(cluster.server.dir, "server.yml");
    const keyFile = join(dir, "key");
    writeFileSync(keyFile, `${KEY}\n`);
    const port = String(cluster.server.port);
    const env = { OPSEN_SERVER: "", OPSEN_API_KEY: "", OPSEN_SERVER_PORT: port };
    expect((await run(["leases", "-config", file], env)).code).toBe(0);
    expect((await run(["leases", "--key-file", keyFile], { OPSEN_API_KEY: "" })).code).toBe(0);
    const plain = await run(["leases", "--key", KEY], { OPSEN_API_KEY: "" });
    expect(plain).toMatchObject({ code: 0 });
    expect(plain.stderr).toContain("warning: a key on the command line");
  });

  test("a key is not shown to what is no server of ours", async () => {
    const keys: (string | null)[] = [];
    await using other = new HttpBackend({
      name: "other",
      handle: (request) => {
        keys.push(request.headers.get("X-API-Key"));
        return new Response("hello");
      },
    });
    const { code, stderr } = await run(["leases"], { OPSEN_SERVER: other.url });
    expect(code).toBe(3);
    expect(stderr).toContain("no opsen-server's management");
    expect(keys).toEqual([null]);
  });

  test("nobody there is 3, a wrong command line 2", async () => {
    const gone = await run(["status"], { OPSEN_SERVER: "http://127.0.0.1:1" });
    expect(gone).toMatchObject({ code: 3, stdout: "" });
    expect(gone.stderr).toContain("nothing listens there");
    const wrong = await run(["statsu"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('did you mean "status"?');
    expect((await run(["drain"])).code).toBe(2);
  });

  test("proxy variables are not for this machine", async () => {
    const env = { HTTP_PROXY: "http://127.0.0.1:1", http_proxy: "http://127.0.0.1:1" };
    expect((await run(["leases"], env)).code).toBe(0);
  });
});

describe("offline jobs", () => {
  test("a conversion prints the file, and what is lost on the standard error", async () => {
    writeFileSync(join(dir, "theirs.yml"), "port: 9999\ndb_max_idle_conns: 3\nfrobnicate: 1\n");
    const { code, stdout, stderr } = await run(["convert", "--from", "opsen", "theirs.yml"]);
    expect(code).toBe(0);
    expect(stdout).toContain("port: 9999 # port");
    expect(stderr).toContain("warning: frobnicate: unknown key");
    writeFileSync(join(dir, "ours.yml"), stdout);
    expect((await run(["-config", "ours.yml", "-check"])).code).toBe(0);
    expect((await run(["convert", "theirs.yml"])).code).toBe(2);
  });

  test("a certificate that the server takes, and the commands trust by its file", async () => {
    expect((await run(["tls-cert", "tls", "lb.example.com", "30"])).code).toBe(0);
    const tls = { tls_cert_file: join(dir, "tls/server.crt"), tls_key_file: join(dir, "tls/server.key") };
    const yaml = Object.entries(tls).map(([key, value]) => `${key}: ${value}\n`);
    writeFileSync(join(dir, "tls.yml"), `host: 127.0.0.1\nport: 0\n${yaml.join("")}`);
    await using child = new Child({ command: [...commandOf("server"), "-config", "tls.yml"], cwd: dir });
    const port = await child.line(
      "line that names the port",
      (line) => /listen="?\S*?:(\d+)/.exec(line)?.[1] ?? null,
    );
    const env = { OPSEN_SERVER: "", OPSEN_API_KEY: "", OPSEN_SERVER_PORT: port };
    expect(await run(["leases", "--config", "tls.yml"], env)).toMatchObject({ code: 0, stderr: "" });
    const url = `https://127.0.0.1:${port}`;
    expect((await run(["leases", "--server", url], env)).code).toBe(3);
    expect((await run(["leases", "--server", url, "--ca-file", "tls/server.crt"], env)).code).toBe(0);
    expect((await run(["leases", "--server", url, "--insecure"], env)).code).toBe(0);
  });

  test("help of the server names the commands", async () => {
    const { code, stdout } = await run(["-help"]);
    expect(code).toBe(0);
    for (const name of ["status", "drain", "convert", "tls-cert"]) expect(stdout).toContain(`  ${name} `);
    expect((await run(["help", "drain"])).stdout).toBe((await run(["drain", "--help"])).stdout);
  });
});

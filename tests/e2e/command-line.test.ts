/** Both programs from the command line: flags, environment, file, and what they say when something is wrong. */
import { afterEach, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Child, type Finished } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { commandOf, FROM_SOURCE, type Program } from "../support/executables.ts";
import { refusingPort } from "../support/raw-backend.ts";
import { call } from "../support/raw-client.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";

const dirs: string[] = [];
afterEach(() => {
  for (const each of dirs.splice(0)) removeDir(each);
});

function freshDir(files: Readonly<Record<string, string>> = {}): string {
  const dir = makeTempDir();
  dirs.push(dir);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
  return dir;
}

interface RunOptions {
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

async function run(program: Program, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  await using child = new Child({
    command: [...commandOf(program), ...args],
    cwd: freshDir(options.files),
    ...(options.env && { env: options.env }),
  });
  return await child.finished();
}

const PROGRAMS: readonly Program[] = ["server", "client"];
const FLAGS = {
  server: ["config", "version", "check", "help", "port", "host", "db", "stale", "cleanup-interval"],
  client: ["config", "version", "check", "help", "server", "window", "interval", "disk", "id"],
} as const;

test.each(PROGRAMS)("opsen-%s -version prints name and version", async (program) => {
  for (const flag of ["-version", "--version"]) {
    const { code, stdout } = await run(program, [flag]);
    expect(code).toBe(0);
    expect(stdout.trim()).toMatch(new RegExp(`^opsen-${program} v?\\d+\\.\\d+\\.\\d+\\b[^\n]*$`));
  }
});

test.each(PROGRAMS)("opsen-%s -help names every flag and exits 0", async (program) => {
  for (const flag of ["-help", "--help", "-h"]) {
    const { code, stdout, stderr } = await run(program, [flag]);
    expect(code).toBe(0);
    for (const name of FLAGS[program]) expect(stdout + stderr).toContain(`-${name}`);
  }
});

test.each(PROGRAMS)(
  "opsen-%s refuses a flag that it does not know with exit 2 and usage",
  async (program) => {
    for (const args of [["-colour"], ["--colour=green"], ["-config"], ["-version=perhaps"], ["stray"]]) {
      const { code, stdout, stderr } = await run(program, args);
      expect({ args, code }).toEqual({ args, code: 2 });
      expect(stdout + stderr).toMatch(/usage/i);
    }
  },
);

test.each(PROGRAMS)("opsen-%s refuses a named file that does not exist", async (program) => {
  const { code, stdout, stderr } = await run(program, ["-config", "missing.yml"]);
  expect(code).toBe(1);
  expect(stdout + stderr).toContain("missing.yml");
});

test("a number that is none is a usage error", async () => {
  for (const args of [["-port", "http"], ["-port=70000"], ["-stale", "-1"]]) {
    const { code, stdout, stderr } = await run("server", [...args, "-check"]);
    expect([1, 2]).toContain(code);
    expect(stdout + stderr).toMatch(/port|stale/);
  }
});

test("-check takes a good file, in every spelling of the flag", async () => {
  const files = { "my.yml": "port: 9000\nproxy_endpoints: ['/*']\ntiers: []\n" };
  const spellings = [
    ["-config", "my.yml", "-check"],
    ["--config=my.yml", "--check"],
    ["-check", "-config=my.yml", "-port", "1"],
  ];
  for (const args of spellings) {
    const { code, stdout, stderr } = await run("server", args, { files });
    expect({ code, said: code === 0 ? "" : stdout + stderr }).toEqual({ code: 0, said: "" });
  }
});

test("-check takes the file of the original's manual", async () => {
  const files = {
    "server.yml": [
      "port: 8080\nhost: 0.0.0.0\ndatabase: opsen.db\nstale_minutes: 5\nlog_level: info\njson_logging: false",
      'server_key: ""\napi_keys: []\nwhitelisted_ips: []\nrate_limit_per_minute: 60\nrate_limit_burst: 120',
      "max_request_body_bytes: 10485760\nrequest_timeout_seconds: 30\nidle_timeout_seconds: 120",
      "read_header_timeout_seconds: 10\ndisable_security_headers: false",
      'tls_cert_file: ""\ntls_key_file: ""\ntls_insecure_skip_verify: false',
      "enable_cors: false\ncors_allowed_origins: []\nproxy_endpoints: []\nproxy_sse_flush_interval_ms: -1",
      'geoip_db_path: ""\nsticky_header: ""\nsticky_by_ip: false\nsticky_affinity_enabled: true',
      'pending_allocation_timeout_seconds: 120\ntier_field_name: "tier"\ntier_header: "X-Tier"',
      "db_max_open_conns: 25\ndb_max_idle_conns: 5\ndb_conn_max_lifetime: 300",
      "cleanup_interval_seconds: 60\nshutdown_timeout_seconds: 30",
      "tiers:\n  - name: small\n    vcpu: 1\n    memory_gb: 1.0\n    storage_gb: 5",
      "  - name: gpu-inference\n    vcpu: 8\n    memory_gb: 32.0\n    storage_gb: 100\n    gpu: 1\n    gpu_memory_gb: 16.0\n",
    ].join("\n"),
    "client.yml": [
      'server_url: http://lb.example.com:8080\nserver_key: ""\nendpoint_url: ""\nwindow_minutes: 15',
      'report_interval_seconds: 60\ndisk_path: /\nclient_id: ""\nhostname: ""\nskip_geolocation: false',
      'geoip_db_path: ""\nlog_level: info\ninsecure_tls: false\n',
    ].join("\n"),
  };
  for (const program of PROGRAMS) {
    const { code, stdout, stderr } = await run(program, ["-config", `${program}.yml`, "-check"], { files });
    expect({ code, said: code === 0 ? "" : stdout + stderr }).toEqual({ code: 0, said: "" });
  }
});

const FAULTS: readonly (readonly [line: string, key: RegExp, right: RegExp])[] = [
  ["prot: 8080", /prot/, /did you mean.*port/i],
  ["stale_minutes: many", /stale_minutes/, /whole number|integer/i],
  ["rate_limit_burst: 0", /rate_limit_burst/, /1/],
  ["whitelisted_ips: [10.0.0.0/33]", /whitelisted_ips/, /CIDR|range|address/i],
  ["log_level: loud", /log_level/, /debug.*info/i],
  ["idle_timeout_seconds: 10s", /idle_timeout_seconds/, /whole number|integer|seconds/i],
  ["proxy_endpoints: [api]", /proxy_endpoints/, /\//],
  ["workers: 0", /workers/, /auto|1/],
  ["reservation: forever", /reservation/, /request.*timeout/i],
  ["tls_cert_file: cert.pem", /tls_(?:cert|key)_file/, /tls_key_file/],
  ["tiers: [{name: a, vcpu: two}]", /tiers\[0\]\.vcpu|vcpu/, /whole number|integer/i],
  ["default_tier: nowhere", /default_tier/, /tier/i],
  ["sticky_header: 'X Y'", /sticky_header/, /header|token/i],
];

test("every fault of a file is listed at once, with file, line, key and what would be right", async () => {
  const text = `${FAULTS.map(([line]) => line).join("\n")}\n`;
  const { code, stdout, stderr } = await run("server", ["-config", "bad.yml"], {
    files: { "bad.yml": text },
  });
  expect(code).toBe(1);
  const said = (stdout + stderr).split("\n");
  for (const [at, [line, key, right]] of FAULTS.entries()) {
    const place = new RegExp(`bad\\.yml\\D{1,8}${at + 1}\\b`);
    const found = said.find((each) => place.test(each) && key.test(each));
    expect({ line, found: found !== undefined, said }).toEqual({ line, found: true, said });
    expect(found).toMatch(right);
  }
});

const CLIENT_FAULTS: readonly (readonly [line: string, key: RegExp])[] = [
  ["server_url: lb.example.com", /server_url/],
  ["sever_key: x", /sever_key.*did you mean.*server_key/i],
  ["report_interval_seconds: 0", /report_interval_seconds/],
  ["client_id: 'a b'", /client_id/],
  ["endpoints: [{url: 'ftp://x'}]", /endpoints\[0\]\.url/],
  ["latitude: 91", /latitude/],
];

test("the agent lists every fault likewise", async () => {
  const text = `${CLIENT_FAULTS.map(([line]) => line).join("\n")}\n`;
  const { code, stdout, stderr } = await run("client", ["-config", "bad.yml", "-check"], {
    files: { "bad.yml": text },
  });
  expect(code).toBe(1);
  const said = (stdout + stderr).split("\n");
  for (const [at, [line, key]] of CLIENT_FAULTS.entries()) {
    const place = new RegExp(`bad\\.yml\\D{1,8}${at + 1}\\b`);
    const found = said.some((each) => place.test(each) && key.test(each));
    expect({ line, found, said }).toEqual({ line, found: true, said });
  }
});

test("invalid YAML and doubled keys are errors with a line", async () => {
  for (const [text, line] of [
    ["port: 1\nhost: [\n", 2],
    ["port: 1\nport: 2\n", 2],
    ["- a\n- b\n", 1],
    ["port: 1\n\thost: x\n", 2],
  ] as const) {
    const { code, stdout, stderr } = await run("server", ["-config", "bad.yml", "-check"], {
      files: { "bad.yml": text },
    });
    expect({ text, code }).toEqual({ text, code: 1 });
    expect(stdout + stderr).toMatch(/bad\.yml/);
    if (line === 2) expect(stdout + stderr).toMatch(/[23]/);
  }
});

test("secrets are not repeated in errors", async () => {
  const files = { "bad.yml": "server_key: [hunter2]\napi_keys: hunter3\nprot: 1\n" };
  const { code, stdout, stderr } = await run("server", ["-config", "bad.yml", "-check"], { files });
  expect(code).toBe(1);
  expect(stdout + stderr).not.toContain("hunter");
});

async function databaseUsed(args: readonly string[], options: RunOptions): Promise<string> {
  const dir = freshDir(options.files);
  const command = [...commandOf("server"), ...args];
  await using child = new Child({ command, cwd: dir, ...(options.env && { env: options.env }) });
  await child.line("where it listens", (line) => (/\blisten\b/.test(line) ? line : null));
  const known = ["flag.db", "env.db", "file.db", "opsen.db", "dotenv.db"];
  const name = known.filter((each) => existsSync(join(dir, each))).join();
  child.kill("SIGTERM");
  expect((await child.finished()).code).toBe(0);
  return name;
}

test("a flag wins over the environment, that over the file, that over the default", async () => {
  const files = {
    "s.yml": "host: 127.0.0.1\nport: 0\ndatabase: file.db\n",
    "bare.yml": "host: 127.0.0.1\nport: 0\n",
  };
  const env = { OPSEN_SERVER_DATABASE: "env.db" };
  expect(await databaseUsed(["-config", "s.yml", "-db", "flag.db"], { files, env })).toBe("flag.db");
  expect(await databaseUsed(["-config", "s.yml"], { files, env })).toBe("env.db");
  expect(await databaseUsed(["-config", "s.yml"], { files })).toBe("file.db");
  expect(await databaseUsed(["-config", "bare.yml"], { files })).toBe("opsen.db");
  expect(await databaseUsed([], { files, env: { OPSEN_CONFIG_FILE: "s.yml" } })).toBe("file.db");
});

test("a bad value in the environment is an error that names the variable", async () => {
  const { code, stdout, stderr } = await run("server", ["-check"], { env: { OPSEN_SERVER_PORT: "http" } });
  expect(code).toBe(1);
  expect(stdout + stderr).toContain("OPSEN_SERVER_PORT");
});

test("without a file: a port by flag, opsen.db in the working directory, nothing proxied", async () => {
  const port = await refusingPort();
  const dir = freshDir();
  const command = [...commandOf("server"), "-port", String(port), "-host=127.0.0.1"];
  await using child = new Child({ command, cwd: dir });
  const health = await eventually("an answer", () => call({ port }, "GET", "/health"));
  expect(health.status).toBe(200);
  const answer = await call({ port }, "GET", "/anything");
  expect(answer.status).toBe(404);
  expect(answer.header("x-opsen-error")).toBe("not_found");
  expect(existsSync(join(dir, "opsen.db"))).toBe(true);
  child.kill("SIGINT");
  expect((await child.finished()).code).toBe(0);
});

test("a port in use is exit 1 with the address", async () => {
  const holder = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  try {
    const { port } = holder;
    const { code, stdout, stderr } = await run("server", ["-port", String(port), "-host", "127.0.0.1"]);
    expect(code).toBe(1);
    expect(stdout + stderr).toContain(String(port));
  } finally {
    holder.stop(true);
  }
});

test.skipIf(FROM_SOURCE)("neither .env nor bunfig.toml of the working directory is loaded", async () => {
  const files = {
    "s.yml": "host: 127.0.0.1\nport: 0\n",
    ".env": "OPSEN_SERVER_DATABASE=dotenv.db\n",
    "bunfig.toml": 'preload = ["./evil.ts"]\n',
    "evil.ts":
      'require("node:fs").writeFileSync("evil.txt", "x"); process.env.OPSEN_SERVER_DATABASE = "dotenv.db";\n',
  };
  expect(await databaseUsed(["-config", "s.yml"], { files })).toBe("opsen.db");
  const dir = dirs.at(-1) ?? "";
  expect(existsSync(join(dir, "evil.txt"))).toBe(false);
});

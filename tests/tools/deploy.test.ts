import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { parse } from "yaml";
import { loadClientConfig, loadServerConfig } from "../../core/config/load.ts";
import { repositoryRoot } from "../../tools/process.ts";

const read = (path: string): string => readFileSync(join(repositoryRoot(), path), "utf8");

function serverConfig(path: string) {
  const outcome = loadServerConfig({ flags: { config: path }, env: {}, readFile: read });
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.errors));
  return outcome.config;
}

test("the example server.yml is valid and opens nothing", () => {
  const config = serverConfig("deploy/server.yml");
  expect(config.proxy_endpoints).toEqual([]);
  expect(config.insecure_no_auth).toBe(false);
  expect(config.server_key).toBe("");
  expect(config.trusted_proxies).toEqual([]);
  expect(config.tls_insecure_skip_verify).toBe(false);
});

test("the example client.yml is valid and verifies certificates", () => {
  const outcome = loadClientConfig({ flags: { config: "deploy/client.yml" }, env: {}, readFile: read });
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.errors));
  expect(outcome.config.insecure_tls).toBe(false);
  expect(outcome.config.server_key).toBe("");
});

test.each(["deploy/server.yml", "deploy/client.yml"])("what %s shows in comments is valid too", (path) => {
  // A commented line that starts with a key or goes on with a list or a map is an example, the rest is prose.
  const text = read(path)
    .replaceAll(/^# (?=[a-z_]+:(?: |$)| {2})/gm, "")
    .replaceAll(/^server_key: ""$/gm, "");
  expect(text).toMatch(/^(?:tiers|endpoints):$/m);
  const load = path.includes("server") ? loadServerConfig : loadClientConfig;
  const outcome = load({
    flags: { config: path },
    env: {},
    readFile: () => text.replace(/^endpoint_url:.*$/m, ""),
  });
  expect(outcome).toMatchObject({ ok: true });
});

test("the configurations of the samples are valid", () => {
  expect(serverConfig("deploy/compose-server.yml").proxy_endpoints).toEqual(["/"]);
  expect(serverConfig("tools/cluster/server.yml").host).toBe("127.0.0.1");
});

test.each(["server", "client"])("the unit of the %s runs it as a user without rights", (name) => {
  const unit = read(`deploy/opsen-${name}.service`);
  const settings = new Map(
    [...unit.matchAll(/^([A-Z]\w+)=(.*)$/gm)].map(([, key = "", value = ""]) => [key, value] as const),
  );
  expect(unit.match(/^\[\w+\]$/gm)).toEqual(["[Unit]", "[Service]", "[Install]"]);
  expect(settings.get("ExecStart")).toBe(`/usr/local/bin/opsen-${name} -config /etc/opsen/${name}.yml`);
  expect(settings.get("After")).toBe("network-online.target");
  expect(settings.get("User")).toBe("opsen");
  expect(settings.get("StateDirectory")).toBe(`opsen-${name}`);
  expect(settings.get("NoNewPrivileges")).toBe("yes");
  expect(settings.get("ProtectSystem")).toBe("strict");
  expect(settings.get("UnsetEnvironment")).toContain("BUN_BE_BUN");
  // The engine compiles while it runs.
  expect(settings.has("MemoryDenyWriteExecute")).toBe(false);
});

test("the server's unit lets requests in flight finish and the database be written", () => {
  const unit = read("deploy/opsen-server.service");
  const config = serverConfig("deploy/server.yml");
  const stopSeconds = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]);
  expect(stopSeconds).toBeGreaterThan(config.shutdown_timeout_seconds);
  expect(config.database).toStartWith("/var/lib/opsen-server/");
});

test("the server's unit reads the configuration again on demand and lets the log of the example be written", () => {
  const unit = read("deploy/opsen-server.service");
  expect(unit).toContain("\nExecReload=/bin/kill -HUP $MAINPID\n");
  const folder = /^LogsDirectory=(.+)$/m.exec(unit)?.[1];
  expect(/^# log_file: (.+)$/m.exec(read("deploy/server.yml"))?.[1]).toStartWith(`/var/log/${folder}/`);
});

test.each(["server", "client", "backend"])("Dockerfile.%s copies what exists and ends as a user", (name) => {
  const lines = read(`deploy/Dockerfile.${name}`).split("\n");
  const copied = lines
    .filter((line) => line.startsWith("COPY ") && !line.includes("--from="))
    .flatMap((line) => line.split(/\s+/).slice(1, -1));
  expect(copied.filter((path) => !existsSync(join(repositoryRoot(), path)))).toEqual([]);
  const user = lines.findLastIndex((line) => /^USER (?:opsen|node)$/.test(line));
  expect(user).toBeGreaterThan(lines.findLastIndex((line) => line.startsWith("FROM ")));
});

const Compose = Type.Object({
  services: Type.Record(
    Type.String(),
    Type.Object({
      build: Type.Object({ context: Type.String(), dockerfile: Type.String() }),
      environment: Type.Optional(Type.Record(Type.String(), Type.String())),
      ports: Type.Optional(Type.Array(Type.String())),
      command: Type.Optional(Type.Array(Type.String())),
    }),
  ),
});

test("every agent of the compose file points at the server and at a backend that listens there", () => {
  const { services } = Value.Decode(Compose, parse(read("deploy/docker-compose.yml")));
  const agents = Object.values(services).filter(({ build }) => build.dockerfile.endsWith(".client"));
  expect(agents).toHaveLength(2);
  for (const { environment = {} } of agents) {
    const outcome = loadClientConfig({ flags: {}, env: environment, readFile: read });
    if (!outcome.ok) throw new Error(JSON.stringify(outcome.errors));
    expect(outcome.config.server_url).toBe("http://server:8080");
    const endpoint = new URL(outcome.config.endpoint_url);
    const backend = services[endpoint.hostname];
    expect(backend?.build.dockerfile).toBe("deploy/Dockerfile.backend");
    expect(backend?.command).toEqual([endpoint.hostname, expect.any(String), endpoint.port, "0.0.0.0"]);
  }
  for (const { build } of Object.values(services)) {
    expect(existsSync(join(repositoryRoot(), build.dockerfile))).toBe(true);
  }
});

test("the compose file opens its server to this machine only, as it asks for no key", () => {
  const { services } = Value.Decode(Compose, parse(read("deploy/docker-compose.yml")));
  expect(services.server?.ports?.map((port) => port.split(":")[0])).toEqual(["127.0.0.1"]);
  expect(serverConfig("deploy/compose-server.yml").insecure_no_auth).toBe(true);
});

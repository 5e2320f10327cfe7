import { describe, expect, test } from "bun:test";
import { Value } from "@sinclair/typebox/value";
import * as fc from "fast-check";
import { loadServerConfig, renderConfigError } from "../../../core/config/load.ts";
import { ServerConfigSchema } from "../../../core/config/schema/server-schema.ts";
import { client, clientErrors, inputs, server, serverErrors } from "./support.ts";

function missing(): string {
  throw Object.assign(new Error("ENOENT: no such file"), { code: "ENOENT" });
}

function forbidden(): string {
  throw new Error("EACCES: permission denied");
}

describe("layers", () => {
  test("flag over environment over file over default", () => {
    const file = "port: 1\nstale_minutes: 2\ncleanup_interval_seconds: 3\n";
    const env = { OPSEN_SERVER_PORT: "11", OPSEN_SERVER_STALE_TIMEOUT: "12" };
    const config = server(file, { env, flags: { port: "21" } });
    expect(config.port).toBe(21);
    expect(config.stale_minutes).toBe(12);
    expect(config.cleanup_interval_seconds).toBe(3);
    expect(config.rate_limit_burst).toBe(120);
  });

  test("without a file everything has its default", () => {
    const outcome = loadServerConfig(inputs(null));
    expect(outcome.ok && outcome.source).toBe(null);
    const config = server(null);
    expect(config).toMatchObject({ port: 8080, host: "0.0.0.0", database: "opsen.db", proxy_endpoints: [] });
    expect(config.score_weights).toEqual({ distance: 1, cpu: 1, memory: 1, gpu: 1.5, latency: 1 });
    expect(Object.keys(config).toSorted()).toEqual(Object.keys(ServerConfigSchema.properties).toSorted());
  });

  test.each(["", "# only a comment\n", "---\n", "null\n", "{}\n"])(
    "an empty file is all defaults: %p",
    (text) => {
      expect(server(text)).toEqual(server(null));
    },
  );

  test("null and an empty list of tiers mean the default; a partial object is completed", () => {
    const config = server("port: null\nhost: ~\ntiers: []\nscore_weights: { gpu: 3 }\n");
    expect(config).toMatchObject({ port: 8080, host: "0.0.0.0", tiers: [] });
    expect(config.score_weights).toEqual({ distance: 1, cpu: 1, memory: 1, gpu: 3, latency: 1 });
    expect(server("tiers: [{ name: a }]").tiers).toEqual([
      { name: "a", vcpu: 1, memory_gb: 0, storage_gb: 0, gpu: 0, gpu_memory_gb: 0 },
    ]);
  });

  test("every key that holds one value can come from the environment, with its type", () => {
    const env = {
      OPSEN_SERVER_SERVER_KEY: "s3cret",
      OPSEN_SERVER_ENABLE_CORS: "true",
      OPSEN_SERVER_CPU_AVAILABLE_THRESHOLD_PCT: "62.5",
      OPSEN_SERVER_WORKERS: "3",
      OPSEN_SERVER_RESERVATION: "timeout",
      OPSEN_SERVER_HOST: "",
    };
    expect(server(null, { env })).toMatchObject({
      server_key: "s3cret",
      enable_cors: true,
      cpu_available_threshold_pct: 62.5,
      workers: 3,
      reservation: "timeout",
      host: "0.0.0.0",
    });
    expect(server(null, { env: { OPSEN_SERVER_WORKERS: "auto" } }).workers).toBe("auto");
  });

  test("the original's names of the agent's variables", () => {
    const env = {
      OPSEN_CLIENT_SERVER_URL: "https://lb.example.com/",
      OPSEN_CLIENT_CLIENT_ID: "b-1",
      OPSEN_CLIENT_WINDOW_MINUTES: "5",
      OPSEN_CLIENT_INTERVAL_SECONDS: "7",
      OPSEN_CLIENT_DISK_PATH: "/data",
      OPSEN_CLIENT_LATITUDE: "-12.5",
      OPSEN_CLIENT_LONGITUDE: "0",
    };
    expect(client(null, { env })).toMatchObject({
      server_url: "https://lb.example.com",
      client_id: "b-1",
      window_minutes: 5,
      report_interval_seconds: 7,
      disk_path: "/data",
      latitude: -12.5,
      longitude: 0,
    });
  });

  test("variables that Kubernetes makes for a service of our name are none of ours", () => {
    const env = {
      OPSEN_SERVER_PORT: "tcp://10.0.0.1:8080",
      OPSEN_SERVER_SERVICE_HOST: "10.0.0.1",
      OPSEN_SERVER_SERVICE_PORT: "8080",
      OPSEN_SERVER_SERVICE_PORT_HTTP: "8080",
      OPSEN_SERVER_PORT_8080_TCP: "tcp://10.0.0.1:8080",
      OPSEN_SERVER_PORT_8080_TCP_ADDR: "10.0.0.1",
    };
    expect(server(null, { env }).port).toBe(8080);
  });
});

describe("the file", () => {
  test("a named file that does not exist or cannot be read is an error", () => {
    const env = { OPSEN_CONFIG_FILE: "gone.yml" };
    expect(serverErrors(null, { env, readFile: missing })).toEqual([
      "gone.yml: the config file does not exist",
    ]);
    expect(serverErrors(null, { flags: { config: "x.yml" }, readFile: forbidden })).toEqual([
      "x.yml: the config file cannot be read: EACCES: permission denied",
    ]);
  });

  test("the -config flag wins over the environment's name, and faults of other layers are told too", () => {
    const env = { OPSEN_CONFIG_FILE: "b.yml", OPSEN_SERVER_PORT: "x" };
    const errors = serverErrors(null, { flags: { config: "a.yml" }, env, readFile: missing });
    expect(errors).toEqual([
      'environment OPSEN_SERVER_PORT: port: must be a whole number from 0 to 65535, got "x"',
      "a.yml: the config file does not exist",
    ]);
  });

  test("the source is the path of the file", () => {
    const outcome = loadServerConfig(inputs("port: 9"));
    expect(outcome.ok && outcome.source).toBe("test.yml");
  });
});

test("what is accepted fits the schema by TypeBox's own judgement too", () => {
  const withoutFormats: unknown = JSON.parse(
    JSON.stringify(ServerConfigSchema).replace(/"format":"[^"]*",?/g, ""),
  );
  expect(withoutFormats).toBeObject();
  const config = server("port: 1\nworkers: 4\ntiers: [{ name: a, reservation: timeout }]");
  for (const [key, property] of Object.entries(ServerConfigSchema.properties)) {
    // Formats are ours alone; TypeBox refuses those that it does not know.
    if (JSON.stringify(property).includes('"format"')) continue;
    expect(Value.Check(property, Reflect.get(config, key))).toBe(true);
  }
});

describe("any text", () => {
  test("never throws, and errors render on one line", () => {
    const yamlish = fc.array(
      fc.constantFrom(
        "port",
        ":",
        " ",
        "\n",
        "-",
        "[",
        "]",
        "{",
        "}",
        "&a",
        "*a",
        "!!x",
        "|",
        ">",
        '"',
        "1",
        "tiers",
        "#",
        "---",
        "\t",
        "?",
        "<<",
        "%",
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          yamlish.map((parts) => parts.join("")),
        ),
        (text) => {
          for (const error of [...serverErrors(text), ...clientErrors(text)])
            expect(error).not.toMatch(/[\n\r]/);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("any value of any key never throws", () => {
    const keys = Object.keys(ServerConfigSchema.properties);
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.jsonValue(), (key, value) => {
        const outcome = loadServerConfig(inputs(`${key}: ${JSON.stringify(value)}\n`));
        if (outcome.ok) return;
        expect(outcome.errors.length).toBeGreaterThan(0);
        for (const error of outcome.errors) expect(renderConfigError(error)).toStartWith("test.yml:1: ");
      }),
      { numRuns: 500 },
    );
  });
});

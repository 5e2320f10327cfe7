import { describe, expect, test } from "bun:test";
import type { ConfigInputs } from "../../../core/config/load.ts";
import { client, clientErrors, server, serverErrors } from "./support.ts";

test("every fault of a file at once, each with line, key and rule", () => {
  const text = [
    "port: 70000",
    "hots: 1.2.3.4",
    "health_check_interval_seconds: 0",
    "workers: 0",
    "score_weights:",
    "  cpu: -1",
    "whitelisted_ips: [10.0.0.0/8, 1.2.3.4/33]",
    "tls_cert_file: cert.pem",
    "tiers:",
    "  - name: a",
    "    vcpu: 1.5",
    "  - name: a",
    "  - vcpu: 2",
    "json_logging: yes",
  ].join("\n");
  expect(serverErrors(text)).toEqual([
    "test.yml:1: port: must be a whole number from 0 to 65535, got 70000",
    "test.yml:2: hots: is not a known key; did you mean host?",
    "test.yml:3: health_check_interval_seconds: must be a whole number from 1 to 3600, got 0",
    "test.yml:4: workers: must be auto or a whole number from 1 to 256, got 0",
    "test.yml:6: score_weights.cpu: must be a number from 0 to 1000000, got -1",
    'test.yml:7: whitelisted_ips[1]: must be an IP address or a CIDR range such as 10.0.0.0/8, got "1.2.3.4/33"',
    "test.yml:11: tiers[0].vcpu: must be a whole number from 0 to 4096, got 1.5",
    "test.yml:13: tiers[2].name: is missing; it must be 1 to 64 letters, digits or . _ : @ + ~ -",
    'test.yml:14: json_logging: must be true or false, got "yes"',
    "test.yml:8: tls_cert_file: needs tls_key_file beside it: HTTPS takes both",
    'test.yml:12: tiers[1].name: "a" is tiers[0] already',
  ]);
});

test("names are as long as the words of the error say, and ids are not parts of paths", () => {
  const name = "x".repeat(64);
  expect(server(`tiers:\n  - name: ${name}\n`).tiers[0]?.name).toBe(name);
  expect(serverErrors(`tiers:\n  - name: ${name}x\n`)[0]).toContain(
    "tiers[0].name: must be 1 to 64 letters, digits or",
  );
  for (const id of ["purge", "purge-pending", ".", "..", "a b", "x".repeat(129)]) {
    expect(clientErrors(`client_id: ${JSON.stringify(id)}\n`)[0]).toContain("but not purge, purge-pending");
  }
  for (const id of ["purged", "a.purge", "...", "x".repeat(128)]) {
    expect(clientErrors(`client_id: ${id}\n`)).toEqual([]);
  }
});

describe("YAML", () => {
  test.each([
    ["port: 1\nport: 2\n", "test.yml:2: is not valid YAML: Map keys must be unique"],
    ["port: 1\n---\nport: 2\n", "test.yml:2: must hold one YAML document, a second one starts here"],
    ["port: [1\n", "test.yml:"],
    ["port: !!nothing 1\n", "test.yml:1: is not valid YAML: Unresolved tag"],
    ["- 1\n", "test.yml:1: must be an object (keys and values), got a list of 1"],
    ["port: .inf\n", "test.yml:1: port: must be a whole number from 0 to 65535, got Infinity"],
  ])("%p", (text, error) => {
    expect(serverErrors(text)[0]).toStartWith(error);
  });

  test("aliases that multiply the file are refused, a few are fine", () => {
    const levels = Array.from({ length: 20 }, (_, i) => `k${i}: &k${i} [${`*k${i - 1}, `.repeat(9)}]`).slice(
      1,
    );
    expect(serverErrors(["k0: &k0 [x]", ...levels].join("\n"))).toEqual([
      "test.yml:1: is not valid YAML: Excessive alias count indicates a resource exhaustion attack",
    ]);
    const config = server("tiers:\n  - &base { name: a, vcpu: 2 }\nwhitelisted_ips: [&ip 10.0.0.1, *ip]\n");
    expect(config.whitelisted_ips).toEqual(["10.0.0.1", "10.0.0.1"]);
  });

  test("endless nesting and a huge file are refused with few errors", () => {
    expect(serverErrors("[".repeat(200_000)).length).toBeWithin(1, 21);
    expect(serverErrors("#".repeat(5_000_000))).toEqual([
      "test.yml:1: the file is too large for a configuration: at most 4 MiB",
    ]);
  });

  test("keys of an object's prototype are unknown like any other", () => {
    expect(serverErrors("__proto__: { port: 1 }\nconstructor: 1\n")).toHaveLength(2);
  });
});

describe("did you mean", () => {
  test.each([
    ["stale_client_timeout_minutes: 1", "did you mean stale_minutes?"],
    ["stale_minuts: 1", "did you mean stale_minutes?"],
    ["Port: 1", "did you mean port?"],
    ["proxy_enabled: true", "did you mean proxy_endpoints?"],
    [
      "tiers: [{ name: a, memory: 1 }]",
      "test.yml:1: tiers[0].memory: is not a known key; did you mean memory_gb?",
    ],
    ["xyzzy: 1", "test.yml:1: xyzzy: is not a known key"],
  ])("%s", (text, words) => {
    expect(serverErrors(text)[0]).toEndWith(words);
  });

  test("the agent's file", () => {
    expect(clientErrors("endpoint: http://a\nmax_registration_retries: 5\n")).toEqual([
      "test.yml:1: endpoint: is not a known key; did you mean endpoint_url?",
      "test.yml:2: max_registration_retries: is not a known key: the agent registers again for ever, with growing pauses",
    ]);
  });

  test("the environment", () => {
    expect(serverErrors(null, { env: { OPSEN_SERVER_API_KEY: "k", OPSEN_SERVER_PROT: "1" } })).toEqual([
      "environment OPSEN_SERVER_API_KEY: is not a known setting; did you mean OPSEN_SERVER_SERVER_KEY?",
      "environment OPSEN_SERVER_PROT: is not a known setting; did you mean OPSEN_SERVER_PORT?",
    ]);
    expect(clientErrors(null, { env: { OPSEN_SERVER_PROT: "1" } })).toEqual([]);
  });
});

describe("values of flags and environment name their origin", () => {
  test.each([
    [{ flags: { port: "abc" } }, 'flag -port: port: must be a whole number from 0 to 65535, got "abc"'],
    [{ flags: { stale: "0" } }, "flag -stale: stale_minutes: must be a whole number from 1 to 1440, got 0"],
    [{ flags: { db: "" } }, 'flag -db: database: must be a file system path, got ""'],
    [
      { env: { OPSEN_SERVER_ENABLE_CORS: "si" } },
      'environment OPSEN_SERVER_ENABLE_CORS: enable_cors: must be true or false, got "si"',
    ],
    [
      { env: { OPSEN_SERVER_TLS_KEY_FILE: "k.pem" } },
      "environment OPSEN_SERVER_TLS_KEY_FILE: tls_key_file: needs tls_cert_file beside it: HTTPS takes both",
    ],
    [
      { flags: { port: "7" }, env: { OPSEN_SERVER_ADMIN_PORT: "7" } },
      "environment OPSEN_SERVER_ADMIN_PORT: admin_port: must differ from port, got 7 for both",
    ],
  ])("%p", (layers, error) => {
    expect(serverErrors(null, layers)).toEqual([error]);
  });
});

describe("ties between keys", () => {
  test("default_tier must be one of the tiers", () => {
    expect(server("default_tier: medium").default_tier).toBe("medium");
    expect(server("tiers: [{ name: x }]\ndefault_tier: x").default_tier).toBe("x");
    expect(serverErrors("tiers: [{ name: x }]\ndefault_tier: medium")).toEqual([
      'test.yml:2: default_tier: must be one of the tiers x, got "medium"',
    ]);
    expect(serverErrors("tiers: [{ nam: x }]\ndefault_tier: medium")).toHaveLength(2);
  });

  test("a place has both coordinates", () => {
    expect(clientErrors("latitude: 1")).toEqual([
      "test.yml:1: latitude: needs longitude beside it: a place has both",
    ]);
    expect(clientErrors("longitude: 0")).toHaveLength(1);
    expect(clientErrors("latitude: 0\nlongitude: 0")).toEqual([]);
  });

  test("certificate and key", () => {
    expect(serverErrors("tls_cert_file: a\ntls_key_file: b")).toEqual([]);
    expect(serverErrors("tls_key_file: b")).toHaveLength(1);
  });
});

test("secrets are not repeated in errors", () => {
  const text = 'server_key: "hush\\nhush"\napi_keys: [" hush"]\n';
  const errors = serverErrors(text, { env: { OPSEN_SERVER_SERVER_KEY: "hush\u0007" } });
  expect(errors).toHaveLength(3);
  expect(errors.join("\n")).not.toContain("hush");
  for (const other of [
    "server_key: [hush]",
    "api_keys: hush",
    "api_keys: [[hush]]",
    'server_key: "a" "hush"',
    "a: b: hush",
  ]) {
    expect(serverErrors(other)).not.toEqual([]);
    expect(serverErrors(other).join("\n")).not.toContain("hush");
  }
});

test("empty entries of api_keys are left out", () => {
  expect(server('api_keys: ["", a, ""]').api_keys).toEqual(["a"]);
});

describe("keys with scopes", () => {
  test("are texts with everything, or say what they may", () => {
    const text =
      "api_keys: [plain, { key: k, scopes: [route, read] }, { key_file: f, scopes: [agent], name: a }]";
    expect(server(text).api_keys).toEqual([
      "plain",
      { key: "k", key_file: "", name: "", scopes: ["route", "read"] },
      { key: "", key_file: "f", name: "a", scopes: ["agent"] },
    ]);
  });

  test.each([
    ["{ scopes: [route] }", "needs a key"],
    ["{ key: hush, key_file: f, scopes: [route] }", "needs a key"],
    ["{ key: hush }", "scopes"],
    ["{ key: hush, scopes: [] }", "scopes"],
    ["{ key: hush, scopes: [root] }", "one of agent, route, read, metrics or admin"],
    ["{ key: ' hush', scopes: [route] }", "printable ASCII"],
    ["{ key: hush, scopes: [route], name: 'a b' }", "letters, digits"],
    ["{ key: hush, scope: route }", "did you mean scopes?"],
  ])("%s is told, without the key", (entry, reason) => {
    const errors = serverErrors(`api_keys:\n  - ${entry}\n`);
    expect(errors.join("\n")).toContain(reason);
    expect(errors.join("\n")).toContain("api_keys[0]");
    expect(errors.join("\n")).not.toContain("hush");
  });

  test("stand in the file or in a file of their own, not in both", () => {
    for (const errorsOf of [serverErrors, clientErrors]) {
      const errors = errorsOf("", withKeyFile("k\n", "server_key: k\nserver_key_file: key"));
      expect(errors.join("\n")).toContain("must not stand beside server_key");
    }
  });

  test("of an agent are read from their file, which must hold one", () => {
    expect(client("", withKeyFile("the key\n")).server_key).toBe("the key");
    for (const content of ["", "\n", "two\nlines\n", " spaced", null]) {
      const [error = ""] = clientErrors("", withKeyFile(content));
      expect(error).toContain("server_key_file: ");
      expect(error).toContain("key");
    }
  });
});

/** A configuration that names a file of a key, and what is in that; null when it is not there. */
function withKeyFile(key: string | null, config = "server_key_file: key"): Pick<ConfigInputs, "readFile"> {
  return {
    readFile: (path) => {
      if (path !== "key") return config;
      if (key === null) throw new Error("ENOENT: no such file");
      return key;
    },
  };
}

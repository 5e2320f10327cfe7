/** Which server a command talks to, and with which key. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Connection, connectionOf } from "../../../server/cli/connection/connection.ts";
import type { Context } from "../../../server/cli/context.ts";
import { contextFor } from "../../support/command.ts";
import { makeTempDir, removeDir } from "../../support/temp-dir.ts";

let dir = "";
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => {
  removeDir(dir);
});

function file(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

function connection(
  words: readonly string[],
  env: Context["env"] = {},
): Connection & { readonly err: string } {
  const context = contextFor(["status", ...words], env);
  return { ...connectionOf(context), err: context.said.err };
}

describe("address", () => {
  test("flag, environment, file, default: the first counts", () => {
    const config = file("server.yml", "port: 9000\nhost: 0.0.0.0\n");
    expect(connection([]).url).toBe("http://127.0.0.1:8080");
    expect(connection(["--config", config]).url).toBe("http://127.0.0.1:9000");
    expect(connection([], { OPSEN_CONFIG_FILE: config }).url).toBe("http://127.0.0.1:9000");
    const env = { OPSEN_SERVER: "http://10.0.0.1:1" };
    expect(connection(["--config", config], env).url).toBe("http://10.0.0.1:1");
    expect(connection(["--server", "http://10.0.0.2:2/"], env).url).toBe("http://10.0.0.2:2");
    expect(connection(["--server", "lb.example.com:8080"]).url).toBe("http://lb.example.com:8080");
  });

  test.each([
    ["host: 10.1.2.3", "http://10.1.2.3:8080"],
    ["host: '::'", "http://[::1]:8080"],
    ["host: '::1'", "http://[::1]:8080"],
    ["admin_port: 9001", "http://127.0.0.1:9001"],
    ["admin_port: 9001\nadmin_host: 0.0.0.0", "http://127.0.0.1:9001"],
  ])("%j", (text, wanted) => {
    expect(connection(["--config", file("server.yml", text)]).url).toBe(wanted);
  });

  test("with a certificate it is HTTPS, trusted by that certificate and its name", () => {
    const { exitCode } = Bun.spawnSync([
      "openssl",
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=x".split(" "),
      "-addext",
      "subjectAltName=DNS:*.example.com",
      "-keyout",
      join(dir, "key.pem"),
      "-out",
      join(dir, "cert.pem"),
    ]);
    expect(exitCode).toBe(0);
    const config = file("server.yml", `tls_cert_file: ${dir}/cert.pem\ntls_key_file: ${dir}/key.pem\n`);
    const { url, tls } = connection(["--config", config]);
    expect(url).toBe("https://127.0.0.1:8080");
    expect(tls.serverName).toBe("any.example.com");
    expect(tls.ca?.at(-1)).toContain("BEGIN CERTIFICATE");
    // A server that was named is not vouched for by a file that is about another one.
    expect(connection(["--config", config, "--server", "https://lb.example.com"]).tls).toEqual({});
    expect(connection(["--server", "https://lb.example.com", "--insecure"]).tls).toEqual({
      rejectUnauthorized: false,
    });
  });

  test.each(["ftp://x", "http://", "http://x?y", "http://user:pw@x", "a b"])("%p is none", (url) => {
    expect(() => connection(["--server", url])).toThrow("must be an address");
  });

  test("a file that is wrong ends the command with its errors", () => {
    expect(() => connection(["--config", file("server.yml", "prot: 1\n")])).toThrow("did you mean port?");
    expect(() => connection(["--config", join(dir, "missing.yml")])).toThrow("does not exist");
  });
});

describe("key", () => {
  test("key file, key, environment, configuration: the first counts", () => {
    const config = file("server.yml", "server_key: of-the-file\n");
    const keyFile = file("key", "of-the-key-file\n");
    const env = { OPSEN_API_KEY: "of-the-environment" };
    expect(connection([]).key).toBeNull();
    expect(connection(["--config", config]).key).toBe("of-the-file");
    expect(connection(["--config", config], env).key).toBe("of-the-environment");
    const plain = connection(["--config", config, "--key", "plain"], env);
    expect(plain.key).toBe("plain");
    expect(plain.err).toContain("--key-file");
    const best = connection(["--config", config, "--key", "plain", "--key-file", keyFile], env);
    expect(best).toMatchObject({ key: "of-the-key-file", err: "" });
  });

  test("that of a file goes to no server that the file is not about", () => {
    const config = file("server.yml", "server_key: of-the-file\n");
    const [fileEnv, serverEnv] = [{ OPSEN_CONFIG_FILE: config }, { OPSEN_SERVER: "http://10.0.0.1:1" }];
    expect(connection([], { ...fileEnv, ...serverEnv }).key).toBeNull();
    expect(connection(["--config", config], serverEnv).key).toBeNull();
    expect(connection(["--server", "http://10.0.0.1:1"], fileEnv).key).toBeNull();
    expect(connection(["--server", "http://127.0.0.1.evil.example"], fileEnv).key).toBeNull();
    expect(connection(["--server", "http://10.0.0.1:1", "--config", config]).key).toBe("of-the-file");
    expect(connection(["--server", "http://localhost:1"], fileEnv).key).toBe("of-the-file");
    expect(connection([], fileEnv).key).toBe("of-the-file");
  });

  test("of the configuration's keys one that may do everything", () => {
    const keyFile = file("admin.key", "admin-key\n");
    const text = [
      "api_keys:",
      "  - {key: reader, scopes: [read]}",
      `  - {key_file: ${keyFile}, scopes: [read, admin]}`,
    ].join("\n");
    expect(connection(["--config", file("server.yml", text)]).key).toBe("admin-key");
    expect(connection(["--config", file("server.yml", `server_key_file: ${keyFile}\n`)]).key).toBe(
      "admin-key",
    );
  });

  test("what can be no key is refused", () => {
    expect(() => connection(["--key-file", file("key", "two\nlines\n")])).toThrow("must hold one key");
    expect(() => connection(["--key-file", join(dir, "missing")])).toThrow("cannot read");
    expect(() => connection([], { OPSEN_API_KEY: "schlüssel" })).toThrow("printable ASCII");
  });
});

/** Certificates of our own, judged by openssl and by a TLS handshake. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { tlsCert } from "../../../server/cli/tls-cert.ts";
import { nameOf } from "../../../server/cli/x509/subject-name.ts";
import { type Ran, runCommand } from "../../support/command.ts";
import { record } from "../../support/json.ts";
import { makeTempDir, removeDir } from "../../support/temp-dir.ts";

let dir = "";
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => {
  removeDir(dir);
});

function make(...words: string[]): Promise<Ran> {
  return runCommand(tlsCert, ["tls-cert", dir, ...words]);
}

function pem(name: "server.crt" | "server.key"): string {
  return readFileSync(join(dir, name), "utf8");
}

function openssl(...args: string[]): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync(["openssl", ...args]);
  if (exitCode !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}

describe("what openssl says", () => {
  test("EC P-256, the names, the days, an authority of its own", async () => {
    const made = await make("lb.example.com", "30", "--san", "10.0.0.7", "--san", "*.lb.example.com");
    expect(made).toMatchObject({ code: 0, err: "" });
    const cert = join(dir, "server.crt");
    const text = openssl("x509", "-in", cert, "-noout", "-text");
    expect(text).toContain("Version: 3 (0x2)");
    expect(text).toContain("Subject: CN = lb.example.com");
    expect(text).toContain("NIST CURVE: P-256");
    expect(text).toContain("ecdsa-with-SHA256");
    expect(text).toContain(
      "DNS:lb.example.com, IP Address:10.0.0.7, DNS:*.lb.example.com, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
    );
    expect(text).toContain("TLS Web Server Authentication");
    expect(openssl("verify", "-x509_strict", "-CAfile", cert, cert)).toContain("OK");
    expect(openssl("pkey", "-in", join(dir, "server.key"), "-pubout")).toBe(
      openssl("x509", "-in", cert, "-noout", "-pubkey"),
    );
    const { validFrom, validTo } = new X509Certificate(pem("server.crt"));
    const days = (Date.parse(validTo) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThanOrEqual(30);
    expect(Date.parse(validFrom)).toBeLessThan(Date.now());
  });

  test("RSA with as many bits as were asked for", async () => {
    expect(await make("--key-type", "rsa2048")).toMatchObject({ code: 0 });
    const text = openssl("x509", "-in", join(dir, "server.crt"), "-noout", "-text");
    expect(text).toContain("Public-Key: (2048 bit)");
    expect(text).toContain("sha256WithRSAEncryption");
    expect(openssl("rsa", "-in", join(dir, "server.key"), "-check", "-noout")).toContain("RSA key ok");
  });

  test("two certificates have different serial numbers, positive ones", async () => {
    const serials = new Set<string>();
    for (let round = 0; round < 3; round++) {
      await make("--force");
      serials.add(new X509Certificate(pem("server.crt")).serialNumber);
    }
    expect(serials.size).toBe(3);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  test("a name that is too long for a subject stands among the names alone", async () => {
    const long = `${"a".repeat(60)}.${"b".repeat(20)}.example.com`;
    expect(await make(long)).toMatchObject({ code: 0 });
    const certificate = new X509Certificate(pem("server.crt"));
    expect(certificate.subject).toBe("CN=opsen-server");
    expect(certificate.checkHost(long)).toBe(long);
  });
});

test.each([["ec"], ["rsa2048"]])(
  "a TLS server with an %s key is trusted by whoever trusts its certificate",
  async (type) => {
    await make("lb.example.com", "--key-type", type);
    const server = createServer({ cert: pem("server.crt"), key: pem("server.key") }, (socket) =>
      socket.end("hello"),
    );
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    try {
      const address = server.address();
      const port = typeof address === "object" ? (address?.port ?? 0) : 0;
      const greet = (servername: string, ca?: string): Promise<string> =>
        new Promise((resolve, reject) => {
          const socket = connect({ host: "127.0.0.1", port, servername, ...(ca !== undefined && { ca }) });
          socket.on("data", (data) => resolve(data.toString()));
          socket.on("error", reject);
        });
      expect(await greet("lb.example.com", pem("server.crt"))).toBe("hello");
      expect(await greet("localhost", pem("server.crt"))).toBe("hello");
      // Rejected by name, and without trust in it.
      expect(greet("other.example.com", pem("server.crt"))).rejects.toThrow();
      expect(greet("lb.example.com")).rejects.toThrow();
    } finally {
      server.close();
    }
  },
);

describe("files", () => {
  test("only the owner may read the key", async () => {
    await make();
    expect(statSync(join(dir, "server.key")).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, "server.crt")).mode & 0o777).toBe(0o644);
  });

  test("what exists stays without --force, and is replaced whole with it", async () => {
    await make();
    const before = pem("server.key");
    const again = await make();
    expect(again.code).toBe(1);
    expect(again.err).toContain("--force");
    expect(pem("server.key")).toBe(before);
    expect(await make("--force")).toMatchObject({ code: 0 });
    expect(pem("server.key")).not.toBe(before);
    expect(new X509Certificate(pem("server.crt")).toString()).toBe(pem("server.crt"));
    expect(readdirSync(dir).toSorted()).toEqual(["server.crt", "server.key"]);
  });

  test("a certificate alone is not overwritten either, and no link is followed", async () => {
    writeFileSync(join(dir, "server.crt"), "mine");
    expect(await make()).toMatchObject({ code: 1 });
    expect(readdirSync(dir)).toEqual(["server.crt"]);
    const other = makeTempDir();
    symlinkSync(join(other, "target"), join(dir, "server.key"));
    expect((await make("--force")).code).toBe(0);
    expect(readdirSync(other)).toEqual([]);
    removeDir(other);
  });

  test("a directory that is missing is made; one that cannot be is said", async () => {
    const words = ["tls-cert", join(dir, "a", "b"), "--json"];
    const made = await runCommand(tlsCert, words);
    expect(record(JSON.parse(made.out))).toMatchObject({
      cert_file: join(dir, "a", "b", "server.crt"),
      names: ["localhost", "127.0.0.1", "::1"],
    });
    writeFileSync(join(dir, "file"), "");
    const failed = await runCommand(tlsCert, ["tls-cert", join(dir, "file", "x")]);
    expect(failed).toMatchObject({ code: 1, out: "" });
  });
});

describe("names", () => {
  test.each([
    ["example.com", "dns"],
    ["*.example.com", "dns"],
    ["localhost", "dns"],
    ["10.0.0.1", "ip"],
    ["::1", "ip"],
    ["[2001:db8::1]", "ip"],
  ])("%s is taken", (text, type) => {
    expect(String(nameOf(text)?.type)).toBe(type);
  });

  test.each([
    "",
    "a b",
    "*",
    "a.*.com",
    "256.1.1.1",
    "-a.com",
    "exa_mple..com",
    "a\nb",
    `${"a".repeat(64)}.com`,
  ])("%p is refused", async (text) => {
    expect(nameOf(text)).toBeNull();
    expect((await make("--san", text)).code).toBe(2);
  });

  test.each(["0", "3651", "1.5", "many"])("%s days are refused", async (days) => {
    expect(await make("example.com", days)).toMatchObject({ code: 2 });
  });
});

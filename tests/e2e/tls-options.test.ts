/** Certificates by name, their replacement, client certificates, and TLS towards backends. */
import { describe, expect, test } from "bun:test";
import { renameSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { type ConnectionOptions, connect } from "node:tls";
import { type Certificate, fingerprint, selfSigned } from "../support/certificate.ts";
import { eventually } from "../support/eventually.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { headerAll } from "../support/http-message.ts";
import type { Json } from "../support/json.ts";
import { answer, RawBackend } from "../support/raw-backend.ts";
import { TestServer } from "../support/server.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";

interface Files {
  readonly dir: string;
  /** Writes both files of a certificate; gives their names. */
  readonly put: (
    name: string,
    certificate: Certificate,
  ) => { readonly cert_file: string; readonly key_file: string };
}

async function withFiles(body: (files: Files) => Promise<void>): Promise<void> {
  const dir = makeTempDir();
  const put: Files["put"] = (name, { cert, key }) => {
    const files = { cert_file: join(dir, `${name}.crt`), key_file: join(dir, `${name}.key`) };
    // As tools that renew certificates do it: written beside, then renamed over.
    for (const [file, text] of [
      [files.cert_file, cert],
      [files.key_file, key],
    ] as const) {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    }
    return files;
  };
  try {
    await body({ dir, put });
  } finally {
    removeDir(dir);
  }
}

function listenerKeys({ cert_file, key_file }: ReturnType<Files["put"]>): Json {
  return { tls_cert_file: cert_file, tls_key_file: key_file };
}

/** Shakes hands; gives the certificate's fingerprint, or the code of the failure. */
function shake(port: number, options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options }, () => {
      const raw = socket.getPeerCertificate().raw;
      resolve(new Bun.CryptoHasher("sha256").update(raw).digest("hex"));
      socket.destroy();
    });
    socket.on("error", (error) => resolve("code" in error ? String(error.code) : error.message));
  });
}

/** Asks for "/"; gives the head of the answer, or "" when the connection ends before one. */
function get(port: number, options: ConnectionOptions, lines = ""): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options }, () => {
      socket.write(`GET / HTTP/1.1\r\nHost: t\r\n${lines}Connection: close\r\n\r\n`);
    });
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}

describe("certificates by name", () => {
  test("exact, by wildcard, and for everything else", async () => {
    await withFiles(async ({ put }) => {
      const [main, exact, wild] = [selfSigned("main.test"), selfSigned("a.test"), selfSigned("*.a.test")];
      await using server = await TestServer.start({
        config: {
          ...listenerKeys(put("main", main)),
          tls_certificates: [put("exact", exact), put("wild", wild)],
        },
        // Certificates of the tests are for "localhost" as well, and by that name the first of them is found.
        ca: exact.cert,
      });
      const shown = await Promise.all(
        ["main.test", "a.test", "X.a.test", "x.y.a.test", "other.test"].map((servername) =>
          shake(server.port, { servername }),
        ),
      );
      expect(shown).toEqual([main, exact, wild, main, main].map(({ cert }) => fingerprint(cert)));
      expect(await shake(server.port)).toBe(fingerprint(main.cert));
    });
  });

  test("files that change are used at once; bad ones are not, and the log says so", async () => {
    await withFiles(async ({ dir, put }) => {
      const [first, second] = [selfSigned(), selfSigned()];
      await using server = await TestServer.start({
        config: listenerKeys(put("main", first)),
        ca: first.cert,
      });
      // A key alone does not fit the certificate that is still there.
      writeFileSync(join(dir, "main.key"), second.key);
      await server.child.line("the complaint", (line) => (line.includes("does not belong") ? line : null));
      expect(await shake(server.port)).toBe(fingerprint(first.cert));
      put("main", second);
      await eventually(
        "the new certificate",
        async () => (await shake(server.port)) === fingerprint(second.cert),
      );
      writeFileSync(join(dir, "main.crt"), "nothing");
      await server.child.line("the complaint", (line) =>
        line.includes("no certificate in PEM form") ? line : null,
      );
      expect(await shake(server.port)).toBe(fingerprint(second.cert));
    });
  });

  test("no handshake fails while certificates are swapped", async () => {
    await withFiles(async ({ put }) => {
      const certificates = Array.from({ length: 4 }, () => selfSigned());
      const [first] = certificates;
      if (first === undefined) throw new Error("no certificate");
      await using server = await TestServer.start({
        config: listenerKeys(put("main", first)),
        ca: first.cert,
      });
      const known = new Set(certificates.map(({ cert }) => fingerprint(cert)));
      const seen = new Set<string>();
      for (const certificate of certificates) {
        put("main", certificate);
        const wanted = fingerprint(certificate.cert);
        await eventually("the next certificate", async () => {
          const shown = await Promise.all(Array.from({ length: 8 }, () => shake(server.port)));
          for (const one of shown) seen.add(one);
          return shown.includes(wanted);
        });
      }
      expect([...seen].filter((one) => !known.has(one))).toEqual([]);
      expect(seen.size).toBe(certificates.length);
    });
  });
});

describe("versions and ciphers", () => {
  test("TLS 1.2 with AEAD and 1.3 are spoken, nothing weaker", async () => {
    await withFiles(async ({ put }) => {
      const certificate = selfSigned();
      await using server = await TestServer.start({
        config: listenerKeys(put("main", certificate)),
        ca: certificate.cert,
      });
      const shown = fingerprint(certificate.cert);
      const offer = (options: ConnectionOptions) => shake(server.port, options);
      expect(await offer({ maxVersion: "TLSv1.2" })).toBe(shown);
      expect(await offer({ minVersion: "TLSv1.3" })).toBe(shown);
      expect(await offer({ maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" })).not.toBe(shown);
      expect(await offer({ minVersion: "TLSv1", maxVersion: "TLSv1.1" })).not.toBe(shown);
    });
  });

  test("tls_min_version 1.3 refuses 1.2, also for certificates by name", async () => {
    await withFiles(async ({ put }) => {
      const [certificate, named] = [selfSigned(), selfSigned("a.test")];
      await using server = await TestServer.start({
        config: {
          ...listenerKeys(put("main", certificate)),
          tls_certificates: [put("named", named)],
          tls_min_version: "1.3",
        },
        ca: named.cert,
      });
      for (const servername of ["main.test", "a.test"]) {
        expect(await shake(server.port, { servername, maxVersion: "TLSv1.2" })).toMatch(/^ERR_|ECONNRESET/);
        expect(await shake(server.port, { servername })).toHaveLength(64);
      }
    });
  });

  test("a handshake that stalls is ended, and what is none is closed", async () => {
    await withFiles(async ({ put }) => {
      const certificate = selfSigned();
      await using server = await TestServer.start({
        config: { ...listenerKeys(put("main", certificate)), tls_handshake_timeout_seconds: 1 },
        ca: certificate.cert,
      });
      const ends = ["", "\x16\x03\x01\x02\x00\x01", "GET / HTTP/1.1\r\nHost: t\r\n\r\n"].map(
        (start) =>
          new Promise<void>((resolve) => {
            const socket = connectTcp(server.port, "127.0.0.1", () => socket.write(start));
            socket.on("error", () => {});
            socket.on("data", () => {});
            socket.on("close", () => resolve());
          }),
      );
      await Promise.all(ends);
      expect(await shake(server.port)).toBe(fingerprint(certificate.cert));
    });
  });
});

function subjectOf(backend: RawBackend): string[] {
  const last = backend.requests.at(-1);
  return last === undefined ? [] : headerAll(last, "X-Client-Cert-Subject");
}

describe("certificates of clients", () => {
  test.each(["optional", "require"])(
    "%s: the subject goes to the backend, and nobody can make one up",
    async (mode) => {
      await withFiles(async ({ put }) => {
        const [certificate, client, stranger] = [
          selfSigned(),
          selfSigned("client-1"),
          selfSigned("stranger"),
        ];
        await using backend = await RawBackend.start({
          respond: (_request, wire) => answer(wire, 200, "ok"),
        });
        await using server = await TestServer.start({
          config: {
            ...listenerKeys(put("main", certificate)),
            admin_port: 0,
            tls_client_auth: mode,
            tls_client_ca_file: put("client", client).cert_file,
          },
          ca: certificate.cert,
          ...(mode === "require" ? { client } : {}),
        });
        await FakeAgent.join(server, { id: "b", endpoint: backend.url });
        const forged = "X-Client-Cert-Subject: CN=admin\r\nClient-Cert: :AAAA:\r\n";
        expect(await get(server.port, client, forged)).toStartWith("HTTP/1.1 200");
        expect(subjectOf(backend)).toEqual(["CN=client-1"]);
        const seen = backend.requests.length;
        expect(await get(server.port, stranger, forged)).toBe("");
        const without = await get(server.port, {}, forged);
        if (mode === "require") {
          expect(without).toBe("");
          expect(backend.requests).toHaveLength(seen);
          return;
        }
        expect(without).toStartWith("HTTP/1.1 200");
        expect(subjectOf(backend)).toEqual([]);
        expect(backend.requests.flatMap((request) => headerAll(request, "Client-Cert"))).toEqual([]);
      });
    },
  );
});

describe("TLS towards backends", () => {
  test("an authority of its own, a name of its own, and no verification for one", async () => {
    await withFiles(async ({ put }) => {
      const certificate = selfSigned("inner.test");
      await using backend = await RawBackend.start({
        host: "0.0.0.0",
        tls: certificate,
        respond: (_request, wire) => answer(wire, 200, "ok"),
      });
      const { cert_file: caFile } = put("inner", certificate);
      const status = async (config: Json, host = "localhost") => {
        await using server = await TestServer.start({
          config: { ...config, allowed_endpoint_cidrs: ["127.0.0.0/8"] },
        });
        await FakeAgent.join(server, { id: "b", endpoint: `https://${host}:${backend.port}` });
        const { status: got } = await server.call("GET", "/");
        return `${got}${server.child.output.includes("verify off") ? ", with a warning" : ""}`;
      };
      expect(await status({})).toBe("502");
      expect(await status({ tls_backend_ca_file: caFile })).toBe("200");
      expect(await status({ backend_tls: [{ host: "localhost", ca_file: caFile }] })).toBe("200");
      expect(await status({ backend_tls: [{ host: "other.test", verify: false }] })).toBe(
        "502, with a warning",
      );
      expect(await status({ backend_tls: [{ host: "localhost", verify: false }] })).toBe(
        "200, with a warning",
      );
      const named = { host: "127.0.0.2", ca_file: caFile };
      expect(await status({ backend_tls: [named] }, "127.0.0.2")).toBe("502");
      expect(await status({ backend_tls: [{ ...named, server_name: "inner.test" }] }, "127.0.0.2")).toBe(
        "200",
      );
      expect(await status({ backend_tls: [{ ...named, server_name: "wrong.test" }] }, "127.0.0.2")).toBe(
        "502",
      );
    });
  });
});

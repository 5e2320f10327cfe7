/** Compression of answers, as clients of both protocols meet it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { connect as connectHttp2, constants as http2 } from "node:http2";
import { join } from "node:path";
import { brotliDecompressSync, createGunzip, gunzipSync, zstdDecompressSync } from "node:zlib";
import { Behind } from "../support/behind.ts";
import { selfSigned } from "../support/certificate.ts";
import { eventually } from "../support/eventually.ts";
import { header, headerAll, type RawMessage } from "../support/http-message.ts";
import type { Json } from "../support/json.ts";
import { record } from "../support/json.ts";
import { answer, type Responder } from "../support/raw-backend.ts";
import { openClient } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";
import type { Wire } from "../support/wire.ts";

const DECODERS = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync } as const;
const CODINGS = ["gzip", "br", "zstd"] as const;
/** Compresses well, and differs from place to place. */
const TEXT = Buffer.from(Array.from({ length: 40_000 }, (_, at) => `line ${at * 7919}\n`).join(""));
const SMALL = "x".repeat(1023);

const respond: Responder = async (request, wire) => {
  const path = request.startLine.split(" ")[1] ?? "";
  const type = { "Content-Type": "text/plain", ETag: '"v1"', "Accept-Ranges": "bytes" };
  if (path.startsWith("/length")) await answer(wire, 200, TEXT, type);
  else if (path.startsWith("/small")) await answer(wire, 200, SMALL, type);
  else if (path.startsWith("/encoded")) await answer(wire, 200, TEXT, { ...type, "Content-Encoding": "br" });
  else if (path.startsWith("/none")) await wire.send('HTTP/1.1 204 No Content\r\nETag: "v1"\r\n\r\n');
  else if (path.startsWith("/same")) await wire.send('HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n');
  else if (path.startsWith("/part")) {
    await answer(wire, 206, TEXT, { ...type, "Content-Range": `bytes 0-${TEXT.length - 1}/*` });
  } else if (path.startsWith("/head")) {
    await wire.send(
      `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: "v1"\r\nContent-Length: ${TEXT.length}\r\n\r\n`,
    );
  } else if (path.startsWith("/chunked")) {
    await wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (let at = 0; at < TEXT.length; at += 10_000) await wire.send(chunk(TEXT.subarray(at, at + 10_000)));
    await wire.send('0\r\nX-Sum: 1\r\nETag: "late"\r\n\r\n');
  } else if (path.startsWith("/accepts")) {
    await answer(wire, 200, String(header(request, "accept-encoding")), {});
  } else if (path.startsWith("/cut")) {
    await wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n");
    await wire.send(chunk(TEXT.subarray(0, 100_000)));
    wire.reset();
    return false;
  }
  return undefined;
};

function chunk(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}

function coded(message: RawMessage): { readonly coding: string; readonly body: Buffer } {
  const coding = header(message, "content-encoding") ?? "";
  const decoder = CODINGS.find((each) => each === coding);
  return { coding, body: decoder === undefined ? message.body : DECODERS[decoder](message.body) };
}

/** A server with compression on and a backend behind it, for several tests. */
class Stand implements AsyncDisposable {
  readonly server: TestServer;
  readonly #behind: Behind;

  private constructor(server: TestServer, behind: Behind) {
    this.server = server;
    this.#behind = behind;
  }

  static async start(config: Json = {}, responder: Responder = respond, ca?: string): Promise<Stand> {
    const server = await TestServer.start({
      config: { workers: 1, compression_enabled: true, ...config },
      ...(ca !== undefined && { ca }),
    });
    return new Stand(server, await Behind.start(server, { respond: responder }));
  }

  async get(
    path: string,
    fields: Readonly<Record<string, string>> = {},
    method = "GET",
  ): Promise<RawMessage> {
    return (await this.server.call(method, path, { headers: { Host: "t", ...fields } })).raw;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#behind[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

describe("with compression on", () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.start();
  });
  afterAll(async () => {
    await stand[Symbol.asyncDispose]();
  });

  test.each(CODINGS)("%s: the same octets come out, and the head says what was done", async (coding) => {
    for (const path of ["/length", "/chunked"]) {
      const raw = await stand.get(path, { "Accept-Encoding": coding, TE: "trailers" });
      expect(coded(raw)).toEqual({ coding, body: TEXT });
      expect(raw.body.length).toBeLessThan(TEXT.length / 2);
      expect(raw.framing).toBe("chunked");
      expect(headerAll(raw, "vary")).toEqual(["Accept-Encoding"]);
      expect(header(raw, "accept-ranges")).toBeNull();
      if (path === "/length") expect(headerAll(raw, "etag")).toEqual(['W/"v1"']);
      else expect(raw.trailers).toEqual([["X-Sum", "1"]]);
    }
  });

  test.each(["/small", "/encoded", "/none", "/part", "/same"])("%s goes on as it is", async (path) => {
    const raw = await stand.get(path, { "Accept-Encoding": "gzip, br, zstd" });
    expect(header(raw, "content-encoding")).toBe(path === "/encoded" ? "br" : null);
    expect(headerAll(raw, "etag")).toEqual(['"v1"']);
    expect(header(raw, "vary")).toBeNull();
    if (raw.framing === "length") expect([TEXT.length, SMALL.length]).toContain(raw.body.length);
  });

  test("who accepts no coding gets none, and the length is kept", async () => {
    for (const fields of [{}, { "Accept-Encoding": "identity, gzip;q=0" }]) {
      const raw = await stand.get("/length", fields);
      expect(raw.body.equals(TEXT)).toBe(true);
      expect(header(raw, "content-length")).toBe(String(TEXT.length));
      expect(headerAll(raw, "etag")).toEqual(['"v1"']);
      expect(header(raw, "vary")).toBe("Accept-Encoding");
    }
  });

  test("HEAD says what GET would, without a length", async () => {
    const raw = await stand.get("/head", { "Accept-Encoding": "gzip" }, "HEAD");
    expect(header(raw, "content-encoding")).toBe("gzip");
    expect(header(raw, "content-length")).toBeNull();
    expect(header(raw, "transfer-encoding")).toBeNull();
    expect(header(raw, "etag")).toBe('W/"v1"');
  });

  test("a 304 carries the validator that the client holds", async () => {
    const raw = await stand.get("/same", { "If-None-Match": 'W/"v1"', "Accept-Encoding": "gzip" });
    expect(headerAll(raw, "etag")).toEqual(['W/"v1"']);
    expect(header(raw, "vary")).toBe("Accept-Encoding");
  });

  test("HTTP/1.0 clients get it too, ended by the connection", async () => {
    await using client = await openClient(stand.server.target);
    await client.send("GET /chunked HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
    expect(coded(await client.readResponse())).toEqual({ coding: "gzip", body: TEXT });
  });

  test("an answer that breaks off does not look whole", async () => {
    await using client = await openClient(stand.server.target);
    await client.send("GET /cut HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip\r\n\r\n");
    const bytes = await client.readToEnd();
    expect(bytes.toString("latin1")).toContain("Content-Encoding: gzip");
    expect(bytes.subarray(-5).toString()).not.toBe("0\r\n\r\n");
  });

  test("one connection carries coded and plain answers in turn", async () => {
    await using client = await openClient(stand.server.target);
    for (const fields of ["Accept-Encoding: br\r\n", "", "Accept-Encoding: zstd\r\n"]) {
      await client.send(`GET /length HTTP/1.1\r\nHost: t\r\n${fields}\r\n`);
      expect(coded(await client.readResponse()).body.equals(TEXT)).toBe(true);
    }
  });

  test("management stays as it is", async () => {
    const raw = await stand.get("/metrics", { "Accept-Encoding": "gzip" });
    expect(header(raw, "content-encoding")).toBeNull();
  });

  test("the access line tells what was sent, and what it was", async () => {
    const raw = await stand.get("/length?logged", { "Accept-Encoding": "gzip" });
    const line = await stand.server.log("the line", (entry) => {
      const { coding, uncoded, out } = record(entry.data);
      return coding === "gzip" && uncoded === TEXT.length && out === raw.body.length;
    });
    expect(record(line.data).out).toBe(raw.body.length);
  });
});

test("HTTP/2 clients get it, and a broken answer is a reset", async () => {
  const dir = makeTempDir();
  try {
    const { cert, key } = selfSigned();
    const files = { tls_cert_file: join(dir, "cert.pem"), tls_key_file: join(dir, "key.pem") };
    writeFileSync(files.tls_cert_file, cert);
    writeFileSync(files.tls_key_file, key);
    await using stand = await Stand.start(files, respond, cert);
    const session = connectHttp2(`https://localhost:${stand.server.port}`, { ca: cert });
    const ask = (path: string): Promise<{ fields: Json; body: Buffer; code: number }> =>
      new Promise((resolve) => {
        const stream = session.request({ ":path": path, "accept-encoding": "gzip" });
        const parts: Buffer[] = [];
        let fields: Json = {};
        stream.on("response", (heard) => (fields = { ...heard }));
        stream.on("data", (part: Buffer) => parts.push(part));
        stream.on("error", () => {});
        stream.on("close", () => resolve({ fields, body: Buffer.concat(parts), code: stream.rstCode ?? 0 }));
      });
    for (const path of ["/length", "/chunked"]) {
      const { fields, body } = await ask(path);
      expect(fields["content-encoding"]).toBe("gzip");
      expect(fields["content-length"]).toBeUndefined();
      expect(gunzipSync(body).equals(TEXT)).toBe(true);
    }
    expect((await ask("/cut")).code).toBe(http2.NGHTTP2_INTERNAL_ERROR);
    session.close();
  } finally {
    removeDir(dir);
  }
});

test("each event of a stream is there when it was sent, if event streams are listed", async () => {
  const wires: Wire[] = [];
  await using stand = await Stand.start({ compression_types: ["text/event-stream"] }, async (_, wire) => {
    wires.push(wire);
    await wire.send(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    return false;
  });
  await using client = await openClient(stand.server.target);
  await client.send("GET /events HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip\r\n\r\n");
  await client.readHead();
  const gunzip = createGunzip();
  let heard = "";
  gunzip.on("data", (part: Buffer) => (heard += part.toString()));
  let taken = 0;
  for (let event = 0; event < 5; event++) {
    await wires[0]?.send(chunk(Buffer.from(`data: ${event}\n\n`)));
    await eventually(`event ${event}`, () => {
      const { pending } = client;
      taken += feedChunks(pending.subarray(taken), (bytes) => gunzip.write(bytes));
      return heard.endsWith(`data: ${event}\n\n`);
    });
  }
});

/** Gives each whole chunk; returns how many octets they took. */
function feedChunks(bytes: Buffer, take: (part: Buffer) => void): number {
  let at = 0;
  for (;;) {
    const line = bytes.indexOf("\r\n", at);
    const size = line < 0 ? 0 : Number.parseInt(bytes.toString("latin1", at, line), 16);
    if (line < 0 || bytes.length < line + 4 + size) return at;
    take(bytes.subarray(line + 2, line + 2 + size));
    at = line + 4 + size;
  }
}

test("off, which is the default, nothing changes", async () => {
  await using stand = await Stand.start({ compression_enabled: false });
  const raw = await stand.get("/length", { "Accept-Encoding": "gzip" });
  expect(raw.body.equals(TEXT)).toBe(true);
  expect(headerAll(raw, "etag")).toEqual(['"v1"']);
  expect(header(raw, "vary")).toBeNull();
});

test("beyond its memory, answers go on as they are", async () => {
  const held: Wire[] = [];
  await using stand = await Stand.start({ compression_memory_mb: 2 }, async (request, wire, backend) => {
    if (!request.startLine.includes("/held")) return respond(request, wire, backend);
    held.push(wire);
    await wire.send(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    );
    return false;
  });
  await using client = await openClient(stand.server.target);
  await client.send("GET /held HTTP/1.1\r\nHost: t\r\nAccept-Encoding: zstd\r\n\r\n");
  expect((await client.readHead()).bytes.toString()).toContain("Content-Encoding: zstd");
  const over = await stand.get("/length", { "Accept-Encoding": "zstd" });
  expect([header(over, "content-encoding"), header(over, "etag"), over.body.length]).toEqual([
    null,
    '"v1"',
    TEXT.length,
  ]);
  await held[0]?.send("0\r\n\r\n");
  await eventually("room", async () => {
    const again = await stand.get("/length", { "Accept-Encoding": "zstd" });
    return header(again, "content-encoding") === "zstd";
  });
});

test.each([
  [false, "gzip"],
  [true, "identity"],
])("upstream_disable_compression %p: backends are asked for %s", async (disabled, expected) => {
  await using stand = await Stand.start({ upstream_disable_compression: disabled });
  const raw = await stand.get("/accepts", { "Accept-Encoding": "gzip" });
  expect(raw.body.toString()).toBe(expected);
});

/** Downloads of the GeoIP database, from a server on loopback. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { geoip } from "../../../server/cli/geoip/geoip.ts";
import { cityDatabase } from "../../client/mmdb.ts";
import { type Ran, runCommand } from "../../support/command.ts";
import { record } from "../../support/json.ts";
import { makeTempDir, removeDir } from "../../support/temp-dir.ts";

const DATABASE: Uint8Array<ArrayBuffer> = new Uint8Array(
  cityDatabase(10, { latitude: 48.2, longitude: 16.4, country: "AT", city: "Vienna" }),
);
const MODIFIED = new Date("2026-03-03T10:00:00Z");

let dir = "";
let handle: (request: Request) => Response | Promise<Response> = () => new Response(null, { status: 500 });
const asked: { readonly url: string; readonly since: string | null }[] = [];
let origin: Bun.Server<undefined> | null = null;

beforeEach(() => {
  dir = makeTempDir();
  asked.length = 0;
  origin = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      asked.push({ url: request.url, since: request.headers.get("If-Modified-Since") });
      return handle(request);
    },
  });
});
afterEach(async () => {
  await origin?.stop(true);
  removeDir(dir);
});

function target(): string {
  return join(dir, "city.mmdb");
}

function update(...words: string[]): Promise<Ran> {
  return runCommand(geoip, [
    "geoip",
    target(),
    "--url",
    `http://127.0.0.1:${origin?.port}/db?license_key=s3cret`,
    ...words,
  ]);
}

function serve(body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): void {
  handle = () => new Response(body, { headers: { "Last-Modified": MODIFIED.toUTCString(), ...headers } });
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function bytesOf(buffer: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer);
}

/** An archive as MaxMind gives them: a directory with the database and its licence. */
async function tarball(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const archive = new Bun.Archive({ "GeoLite2-City_20260303/LICENSE.txt": "text", [name]: DATABASE });
  return bytesOf(gzipSync(await archive.bytes()));
}

function nothingIsLeft(): void {
  expect(readdirSync(dir).filter((name) => name.includes("part"))).toEqual([]);
}

describe("forms of the download", () => {
  test("a plain database", async () => {
    serve(DATABASE);
    const { code, out } = await update("--json");
    expect(code).toBe(0);
    expect(record(JSON.parse(out))).toEqual({
      file: target(),
      changed: true,
      type: "GeoLite2-City",
      built: "2023-11-14",
      size: DATABASE.byteLength,
      sha256: sha256(DATABASE),
    });
    expect(sha256(readFileSync(target()))).toBe(sha256(DATABASE));
    expect(statSync(target()).mtime).toEqual(MODIFIED);
    nothingIsLeft();
  });

  test("compressed, and inside an archive", async () => {
    const members = ["GeoLite2-City_20260303/GeoLite2-City.mmdb", "GeoLite2-City.mmdb"];
    const bodies = [bytesOf(gzipSync(DATABASE)), ...(await Promise.all(members.map(tarball)))];
    for (const body of bodies) {
      serve(body);
      expect(await update("--force")).toMatchObject({ code: 0, err: "" });
      expect(sha256(readFileSync(target()))).toBe(sha256(DATABASE));
    }
  });

  test("a file that is here already, without any network", async () => {
    const local = join(dir, "mine.gz");
    writeFileSync(local, gzipSync(DATABASE));
    expect(await runCommand(geoip, ["geoip", target(), "--from-file", local])).toMatchObject({ code: 0 });
    expect(sha256(readFileSync(target()))).toBe(sha256(DATABASE));
    expect(existsSync(local)).toBe(true);
    expect(asked).toEqual([]);
  });
});

describe("updates", () => {
  test("what has not changed since is not sent again", async () => {
    serve(DATABASE);
    await update();
    handle = (request) =>
      new Response(null, {
        status: request.headers.get("If-Modified-Since") === MODIFIED.toUTCString() ? 304 : 500,
      });
    expect(await update("--json")).toMatchObject({
      code: 0,
      out: `${JSON.stringify({ file: target(), changed: false })}\n`,
    });
    serve(DATABASE);
    await update("--force");
    expect(asked.at(-1)?.since).toBeNull();
  });

  test("the target comes from the server's configuration, the URL from the environment", async () => {
    serve(DATABASE);
    writeFileSync(join(dir, "server.yml"), `geoip_db_path: ${target()}\n`);
    const env = { OPSEN_GEOIP_URL: `http://127.0.0.1:${origin?.port}/db` };
    expect(await runCommand(geoip, ["geoip", "--config", join(dir, "server.yml")], env)).toMatchObject({
      code: 0,
    });
    expect(sha256(readFileSync(target()))).toBe(sha256(DATABASE));
  });

  test("a proxy is asked for the whole URL", async () => {
    serve(DATABASE);
    const proxy = `http://127.0.0.1:${origin?.port}`;
    const words = ["geoip", target(), "--url", "http://geo.invalid/db.mmdb", "--proxy", proxy];
    expect(await runCommand(geoip, words)).toMatchObject({ code: 0 });
    expect(asked[0]?.url).toBe("http://geo.invalid/db.mmdb");
  });
});

describe("what goes wrong leaves the old file as it is", () => {
  beforeEach(() => {
    writeFileSync(target(), "old");
  });
  afterEach(() => {
    expect(readFileSync(target(), "utf8")).toBe("old");
    nothingIsLeft();
  });

  test("the origin refuses", async () => {
    handle = () => new Response("no", { status: 403 });
    const { code, err } = await update();
    expect(code).toBe(1);
    expect(err).toContain("answered 403");
    expect(err).not.toContain("s3cret");
  });

  test("nothing listens", async () => {
    await origin?.stop(true);
    const { code, err } = await update();
    expect(code).toBe(3);
    expect(err).not.toContain("s3cret");
  });

  test("the download is no database, or one without cities", async () => {
    serve(new Uint8Array(Buffer.from("<html>please log in</html>")));
    expect((await update()).err).toContain("no MaxMind database");
    serve(
      bytesOf(
        Buffer.from(
          Buffer.from(DATABASE).toString("latin1").replace("GeoLite2-City", "GeoLite2-ASNs"),
          "latin1",
        ),
      ),
    );
    expect((await update()).err).toContain("a City database is needed");
    serve(bytesOf(gzipSync(DATABASE).subarray(0, 60)));
    expect((await update()).err).toContain("cannot be unpacked");
    serve(await tarball("GeoLite2-City_20260303/other.bin"));
    expect((await update()).err).toContain("holds no .mmdb file");
  });

  test("the checksum is another one", async () => {
    serve(DATABASE);
    const { code, err } = await update("--sha256", "0".repeat(64));
    expect(code).toBe(1);
    expect(err).toContain(sha256(DATABASE));
    expect((await update("--sha256", "short")).code).toBe(2);
  });

  test("the download breaks off", async () => {
    const socket = Bun.listen({
      port: 0,
      hostname: "127.0.0.1",
      socket: {
        data: (peer) => {
          peer.end("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
        },
      },
    });
    const words = ["geoip", target(), "--url", `http://127.0.0.1:${socket.port}/`];
    expect((await runCommand(geoip, words)).code).toBe(1);
    socket.stop(true);
  });
});

test("the right checksum is taken", async () => {
  serve(DATABASE);
  expect(await update("--sha256", sha256(DATABASE).toUpperCase())).toMatchObject({ code: 0 });
});

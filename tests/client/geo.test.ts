import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GeoOptions, isPublicAddress, locationByHand, locationFromDatabase } from "../../client/geo.ts";
import { recordingLogger } from "./fakes.ts";
import { cityDatabase } from "./mmdb.ts";

const folder = mkdtempSync(join(tmpdir(), "opsen-geo-"));
const BERLIN = { latitude: 52.52, longitude: 13.4, country: "DE", city: "Berlin" };
const DATABASE = cityDatabase(9, BERLIN);
const never = new AbortController().signal;
const servers: { stop(force: boolean): Promise<void> }[] = [];

afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

function options(changes: Partial<GeoOptions>): GeoOptions {
  return {
    skip: false,
    latitude: undefined,
    longitude: undefined,
    country: "",
    city: "",
    databasePath: join(folder, "absent.mmdb"),
    downloadUrl: "",
    log: recordingLogger().log,
    wait: () => Promise.resolve(),
    ...changes,
  };
}

/** Serves a body and counts how often it was asked for. */
function download(body: Buffer, status = 200): { url: string; asked: () => number } {
  let asked = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    development: false,
    fetch() {
      asked++;
      return new Response(new Uint8Array(body), { status });
    },
  });
  servers.push(server);
  return { url: `http://127.0.0.1:${server.port}/city.mmdb`, asked: () => asked };
}

describe("by hand", () => {
  test("coordinates count as given, zero included", () => {
    const given = options({ latitude: 0, longitude: 7, country: "GH", city: "Tema" });
    expect(locationByHand(given)).toEqual({ latitude: 0, longitude: 7, country: "GH", city: "Tema" });
    expect(locationByHand({ ...given, skip: true })).toBeNull();
    expect(locationByHand(options({}))).toBeNull();
  });
});

describe("database", () => {
  test("is looked up by the public address", async () => {
    const databasePath = join(folder, "city.mmdb");
    writeFileSync(databasePath, DATABASE);
    expect(await locationFromDatabase(options({ databasePath }), "9.1.2.3", never)).toEqual(BERLIN);
    const named = options({ databasePath, city: "Potsdam" });
    expect(await locationFromDatabase(named, "9.1.2.3", never)).toEqual({ ...BERLIN, city: "Potsdam" });
    expect(await locationFromDatabase(options({ databasePath }), "8.8.8.8", never)).toBeNull();
    expect(await locationFromDatabase(options({ databasePath }), "10.0.0.1", never)).toBeNull();
    expect(await locationFromDatabase(options({ databasePath, skip: true }), "9.1.2.3", never)).toBeNull();
  });

  test("is downloaded when it is missing, once", async () => {
    const source = download(DATABASE);
    const databasePath = join(folder, "new", "downloaded.mmdb");
    const wanted = options({ databasePath, downloadUrl: source.url });
    expect(await locationFromDatabase(wanted, "9.1.2.3", never)).toEqual(BERLIN);
    expect(await locationFromDatabase(wanted, "9.1.2.3", never)).toEqual(BERLIN);
    expect(source.asked()).toBe(1);
    expect(readdirSync(join(folder, "new"))).toEqual(["downloaded.mmdb"]);
  });

  test.each([
    ["a page instead of a database", Buffer.from("<html>sorry</html>"), 200],
    ["half a database", DATABASE.subarray(0, DATABASE.length / 2), 200],
    ["an error", DATABASE, 404],
  ])("%s is not kept", async (_, body, status) => {
    const { log, lines } = recordingLogger();
    const databasePath = join(folder, "bad", "city.mmdb");
    const stop = new AbortController();
    const waits: number[] = [];
    const wait = (delayMs: number): Promise<void> => {
      if (waits.push(delayMs) === 3) stop.abort();
      expect(existsSync(databasePath)).toBe(false);
      return Promise.resolve();
    };
    const wanted = options({ databasePath, downloadUrl: download(body, status).url, log, wait });
    expect(await locationFromDatabase(wanted, "9.1.2.3", stop.signal)).toBeNull();
    expect(waits).toEqual([60_000, 120_000, 240_000]);
    expect(readdirSync(join(folder, "bad"))).toEqual([]);
    expect(lines.filter((line) => line.level === "warn")).toHaveLength(3);
  });

  test("a damaged file is one warning", async () => {
    const { log, lines } = recordingLogger();
    const databasePath = join(folder, "damaged.mmdb");
    writeFileSync(databasePath, "nothing");
    expect(await locationFromDatabase(options({ databasePath, log }), "9.1.2.3", never)).toBeNull();
    expect(lines.map((line) => line.level)).toEqual(["warn"]);
  });
});

test("public addresses are those outside the special ranges", () => {
  const special = ["10.1.1.1", "172.31.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1"];
  const special6 = ["::1", "fe80::1", "fd00::1", "2001:db8::1", "::ffff:10.0.0.1", "not an address", ""];
  for (const address of [...special, ...special6]) expect(isPublicAddress(address)).toBe(false);
  for (const address of ["9.9.9.9", "172.32.0.1", "2606:4700::1111"])
    expect(isPublicAddress(address)).toBe(true);
});

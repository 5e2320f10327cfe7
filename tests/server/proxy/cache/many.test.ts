/** Many requests at one time: one question for all of them, slow clients, HTTP/2. */
import { expect, test } from "bun:test";
import { selfSigned } from "../../../support/certificate.ts";
import { eventually } from "../../../support/eventually.ts";
import { answer } from "../../../support/raw-backend.ts";
import { openClient } from "../../../support/raw-client.ts";
import { Http2Client } from "../http2/peers.ts";
import { CacheStand, type Script } from "./stand.ts";

const certificates = { fallback: selfSigned(), named: [], clientCa: "" };

/** Answers when told to. */
function held(respond: Script): { readonly script: Script; readonly release: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    script: async (request, wire) => {
      await promise;
      return respond(request, wire);
    },
    release: resolve,
  };
}

const says = (text: string, cacheControl: string): Script => {
  return (_request, wire) => answer(wire, 200, text, { "Cache-Control": cacheControl });
};

test("simultaneous misses of one key ask once, and all get the answer", async () => {
  await using stand = await CacheStand.start();
  const { script, release } = held(says("one", "max-age=60"));
  stand.on("/a", script);
  const all = Array.from({ length: 30 }, () => stand.get("/a"));
  await eventually("the requests", () => stand.count("connections_accepted") === 30);
  await eventually("the question", () => stand.asked("/a").length === 1);
  release();
  const texts = (await Promise.all(all)).map(({ text }) => text);
  expect(new Set(texts)).toEqual(new Set(["one"]));
  expect(stand.asked("/a")).toHaveLength(1);
  expect(stand.count("cache_coalesced")).toBe(29);
});

test("an answer that is for one alone sets the others free as soon as its head is there", async () => {
  await using stand = await CacheStand.start();
  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  let asked = 0;
  stand.on("/a", async (_request, wire) => {
    const own = ++asked;
    if (own > 1) return answer(wire, 200, String(own), { "Cache-Control": "private" });
    await hold;
    // Its body never ends: who waits must not wait for that.
    return wire.send("HTTP/1.1 200 OK\r\nCache-Control: private\r\nContent-Length: 10\r\n\r\nabc");
  });
  await using first = await openClient({ port: stand.cell.port });
  await first.send("GET /a HTTP/1.1\r\nHost: t\r\n\r\n");
  await eventually("the question", () => asked === 1);
  const others = [stand.get("/a"), stand.get("/a")];
  await eventually("the others", () => stand.count("connections_accepted") === 3);
  release();
  expect((await Promise.all(others)).map(({ text }) => text).toSorted()).toEqual(["2", "3"]);
  // From now on nobody waits for such an answer.
  const { script, release: go } = held(says("x", "private"));
  stand.on("/a", script);
  const later = [stand.get("/a"), stand.get("/a")];
  await eventually("both questions", () => stand.asked("/a").length === 5);
  go();
  await Promise.all(later);
});

test("who has waited for long enough asks itself", async () => {
  await using stand = await CacheStand.start({ cache_coalesce_seconds: 1 });
  const { script, release } = held(says("late", "max-age=60"));
  stand.on("/a", script);
  const first = stand.get("/a");
  await eventually("the question", () => stand.asked("/a").length === 1);
  stand.on("/a", says("soon", "max-age=60"));
  expect((await stand.get("/a")).text).toBe("soon");
  release();
  expect((await first).text).toBe("late");
});

test("when the client that asked first leaves, another one asks", async () => {
  await using stand = await CacheStand.start();
  const { script } = held(says("never", "max-age=60"));
  stand.on("/a", script);
  const first = await openClient({ port: stand.cell.port });
  await first.send("GET /a HTTP/1.1\r\nHost: t\r\n\r\n");
  await eventually("the question", () => stand.asked("/a").length === 1);
  const others = [stand.get("/a"), stand.get("/a")];
  await eventually("the others", () => stand.count("connections_accepted") === 3);
  stand.on("/a", says("second", "max-age=60"));
  first.reset();
  expect((await Promise.all(others)).map(({ text }) => text)).toEqual(["second", "second"]);
  expect(stand.asked("/a")).toHaveLength(2);
});

test("a client that takes its time gets a large response whole, and holds nobody up", async () => {
  await using stand = await CacheStand.start();
  const body = Buffer.alloc(6_000_000);
  for (let at = 0; at < body.length; at += 4) body.writeUInt32LE(at, at);
  stand.on("/a", (_request, wire) => answer(wire, 200, body, { "Cache-Control": "max-age=60" }));
  await stand.get("/a");
  await using slow = await openClient({ port: stand.cell.port });
  slow.pause();
  await slow.send("GET /a HTTP/1.1\r\nHost: t\r\n\r\nGET /a HTTP/1.1\r\nHost: t\r\nRange: bytes=4-7\r\n\r\n");
  await eventually("the hit", () => stand.count("cache_hits") === 1);
  expect(stand.count("cache_bytes_out")).toBeLessThan(body.length);
  expect((await stand.get("/a")).raw.body.equals(body)).toBe(true);
  slow.resume();
  expect((await slow.readResponse()).body.equals(body)).toBe(true);
  expect((await slow.readResponse()).body.readUInt32LE(0)).toBe(4);
  expect(stand.asked("/a")).toHaveLength(1);
});

test("streams of an HTTP/2 client are answered from the cache as well", async () => {
  await using stand = await CacheStand.start({}, { certificates });
  const body = Buffer.alloc(300_000, "y");
  stand.on("/a", (_request, wire) => answer(wire, 200, body, { "Cache-Control": "max-age=60", ETag: '"1"' }));
  await using client = await Http2Client.open(stand.cell.port);
  const first = client.ask("GET /a HTTP/1.1");
  await eventually("the first answer", () => first.events.includes("end"));
  const whole = client.ask("GET /a HTTP/1.1");
  const same = client.ask('GET /a HTTP/1.1\r\nIf-None-Match: "1"');
  const part = client.ask("GET /a HTTP/1.1\r\nRange: bytes=0-2");
  const all = [whole, same, part];
  await eventually("the others", () => all.every(({ events }) => events.includes("end")));
  expect(all.map((heard) => client.status(heard))).toEqual([200, 304, 206]);
  expect(all.map((heard) => heard.body.length)).toEqual([300_000, 0, 3]);
  expect(whole.body.equals(body)).toBe(true);
  expect(stand.asked("/a")).toHaveLength(1);
});

/** Sessions by cookie, as a browser and its backends see them. */
import { expect, test } from "bun:test";
import { selfSigned } from "../../../support/certificate.ts";
import { eventually } from "../../../support/eventually.ts";
import { header, headerAll } from "../../../support/http-message.ts";
import { answer, RawBackend } from "../../../support/raw-backend.ts";
import { type Answer, call } from "../../../support/raw-client.ts";
import { seeded } from "../../../support/seeded.ts";
import { Cell, type CellOptions } from "../cell.ts";

const NAME = "lb_session";
const COOKIE = { sticky_cookie: NAME };

/** A cell with two backends, "one" cheaper than "two", that answer with their names. */
class Pair implements AsyncDisposable {
  readonly backends: readonly RawBackend[];
  readonly cell: Cell;
  readonly rows: readonly number[];

  private constructor(cell: Cell, backends: readonly RawBackend[], rows: readonly number[]) {
    this.cell = cell;
    this.backends = backends;
    this.rows = rows;
  }

  static async start(options: CellOptions = {}): Promise<Pair> {
    const cell = await Cell.start({ ...options, config: { ...COOKIE, ...options.config } });
    const backends = await Promise.all(["one", "two"].map(named));
    const rows = backends.map((backend, index) => {
      const [id = ""] = [["one", "two"][index]];
      return cell.add({ id, ports: [backend.port], score: index * 10 }).row;
    });
    return new Pair(cell, backends, rows);
  }

  ask(cookie = "", fields: Readonly<Record<string, string>> = {}, path = "/"): Promise<Answer> {
    const headers = cookie === "" ? fields : { ...fields, Cookie: cookie };
    return call({ port: this.cell.port }, "GET", path, { headers });
  }

  /** Makes the other backend the cheaper one. */
  turn(): void {
    const [one = 0, two = 0] = this.rows;
    const { baseScore } = this.cell.tables.backends.columns;
    for (const scores of baseScore) {
      scores[one] = 10;
      scores[two] = 0;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cell[Symbol.asyncDispose]();
    for (const backend of this.backends) await backend[Symbol.asyncDispose]();
  }
}

function named(name: string): Promise<RawBackend> {
  return RawBackend.start({ respond: (_request, wire) => answer(wire, 200, name) });
}

/** `name=value` of the cookie that an answer sets; "" when it sets none. */
function cookieOf(got: Answer): string {
  return (got.header("Set-Cookie") ?? "").split(";")[0] ?? "";
}

test("a browser stays on the backend that it was given, and the cookie is set once", async () => {
  await using pair = await Pair.start();
  const first = await pair.ask();
  expect([first.text, first.header("Cache-Control")]).toEqual(["one", "private"]);
  expect(first.header("Set-Cookie")).toMatch(
    /^lb_session=[A-Za-z0-9_-]{22}; Path=\/; HttpOnly; SameSite=Lax$/,
  );
  pair.turn();
  const next = await pair.ask(cookieOf(first));
  expect([next.text, next.header("Set-Cookie"), next.header("Cache-Control")]).toEqual(["one", null, null]);
  const other = await pair.ask();
  expect(other.text).toBe("two");
  expect(cookieOf(other)).not.toBe(cookieOf(first));
  const { counters } = pair.cell.tables;
  expect([counters.sum("sticky_assigned"), counters.sum("sticky_kept")]).toEqual([2, 1]);
});

test("backends get the client's other cookies and not ours", async () => {
  await using pair = await Pair.start();
  const cookie = cookieOf(await pair.ask());
  await pair.ask(`a=1; ${cookie}; b="2 3"`);
  await pair.ask(cookie);
  const seen = pair.backends[0]?.requests.map((request) => header(request, "Cookie"));
  expect(seen).toEqual([null, 'a=1; b="2 3"', null]);
});

test("a value of which any bit is another one is no cookie, and is replaced", async () => {
  await using pair = await Pair.start();
  const cookie = cookieOf(await pair.ask());
  pair.turn();
  const value = Buffer.from(cookie.slice(NAME.length + 1), "latin1");
  const forged: string[] = [];
  for (let bit = 0; bit < value.length * 8; bit++) {
    const changed = Buffer.from(value);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    // What cannot stand in a cookie reaches nobody.
    if (/^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/.test(changed.toString("latin1"))) {
      forged.push(changed.toString("latin1"));
    }
  }
  const random = seeded(3);
  forged.push("", value.toString().slice(1), `${value.toString()}A`, random.bytes(16).toString("base64url"));
  expect(forged.length).toBeGreaterThan(100);
  for (const text of forged) {
    const got = await pair.ask(`${NAME}=${text}`);
    expect([text, got.text, cookieOf(got) !== ""]).toEqual([text, "two", true]);
  }
  expect((await pair.ask(cookie)).text).toBe("one");
});

test("servers with one key agree, others do not know each other's cookies", async () => {
  await using first = await Pair.start({ stickyKey: "the key of both servers" });
  await using second = await Pair.start({ stickyKey: "the key of both servers" });
  await using stranger = await Pair.start({ stickyKey: "the key of a third one" });
  const cookie = cookieOf(await first.ask());
  for (const pair of [second, stranger]) pair.turn();
  expect((await second.ask(cookie)).text).toBe("one");
  expect((await stranger.ask(cookie)).text).toBe("two");
});

test("a backend that drains keeps its browsers, and takes no others", async () => {
  await using pair = await Pair.start();
  const cookie = cookieOf(await pair.ask());
  pair.cell.tables.backends.setDraining(pair.rows[0] ?? 0, true);
  expect((await pair.ask(cookie)).text).toBe("one");
  expect((await pair.ask()).text).toBe("two");
});

test("one that is unhealthy, full or gone gives them to another, with a cookie for that", async () => {
  await using pair = await Pair.start({ config: { health_check_enabled: true } });
  const [row = 0] = pair.rows;
  const { backends } = pair.cell.tables;
  const cookie = cookieOf(await pair.ask());
  const moves = async (): Promise<void> => {
    const moved = await pair.ask(cookie);
    expect(moved.text).toBe("two");
    expect(cookieOf(moved)).not.toBe("");
    expect((await pair.ask(cookieOf(moved))).header("Set-Cookie")).toBeNull();
  };
  backends.setHealthy(row, false);
  await moves();
  backends.setHealthy(row, true);
  expect((await pair.ask(cookie)).text).toBe("one");
  backends.setLimits(row, 1, 0);
  backends.columns.inFlight[row] = 1;
  await moves();
  backends.columns.inFlight[row] = 0;
  expect((await pair.ask(cookie)).text).toBe("one");
  pair.cell.remove(row);
  await moves();
});

test("a session needs no room, as one by header does not", async () => {
  await using pair = await Pair.start();
  const [row = 0] = pair.rows;
  const cookie = cookieOf(await pair.ask());
  pair.cell.tables.backends.columns.freeCores[row] = 0;
  expect((await pair.ask()).text).toBe("two");
  expect((await pair.ask(cookie)).text).toBe("one");
});

test("a path that its backend does not serve goes elsewhere and leaves the session where it is", async () => {
  await using one = await named("one");
  await using two = await named("two");
  await using cell = await Cell.start({ config: COOKIE });
  cell.add({ ports: [one.port], patterns: [["/a"]] });
  cell.add({ ports: [two.port], patterns: [["/b"]] });
  const ask = (path: string, cookie: string) =>
    call({ port: cell.port }, "GET", path, { headers: cookie === "" ? {} : { Cookie: cookie } });
  const cookie = cookieOf(await ask("/a", ""));
  const elsewhere = await ask("/b", cookie);
  expect([elsewhere.text, elsewhere.header("Set-Cookie")]).toEqual(["two", null]);
  expect((await ask("/a", cookie)).header("Set-Cookie")).toBeNull();
});

test("header before cookie before address", async () => {
  await using pair = await Pair.start({ config: { sticky_header: "X-Session", sticky_by_ip: true } });
  const cookie = cookieOf(await pair.ask());
  expect(cookie).not.toBe("");
  pair.turn();
  // By its address the client stays, though it has lost its cookie; and is given it again.
  const again = await pair.ask();
  expect([again.text, cookieOf(again)]).toEqual(["one", cookie]);
  const byHeader = await pair.ask(cookie, { "X-Session": "s" });
  expect([byHeader.text, byHeader.header("Set-Cookie")]).toEqual(["two", null]);
  expect(header(pair.backends[1]?.requests[0] ?? never(), "Cookie")).toBeNull();
  expect((await pair.ask(cookie)).text).toBe("one");
});

test("attributes are as configured; Secure follows the scheme unless it is fixed", async () => {
  const config = {
    sticky_cookie_ttl_seconds: 3600,
    sticky_cookie_same_site: "none",
    sticky_cookie_path: "/app",
    sticky_cookie_domain: "example.com",
    trusted_proxies: ["127.0.0.1"],
  };
  await using pair = await Pair.start({ config });
  const plain = "Path=/app; Domain=example.com; Max-Age=3600; HttpOnly; SameSite=None";
  expect((await pair.ask()).header("Set-Cookie")).toEndWith(`; ${plain}`);
  const secure = await pair.ask("", { "X-Forwarded-Proto": "https" });
  expect(secure.header("Set-Cookie")).toContain("; HttpOnly; Secure; SameSite=None");
  await using fixed = await Pair.start({
    config: { sticky_cookie_secure: true, sticky_cookie_same_site: "unset" },
  });
  expect((await fixed.ask()).header("Set-Cookie")).toEndWith("; Path=/; HttpOnly; Secure");
});

test("the handshake of a WebSocket sets the cookie and follows it", async () => {
  const accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
  const upgrade = (): Promise<RawBackend> =>
    RawBackend.start({
      script: async (wire) => {
        await wire.readHead();
        await wire.send(
          `HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        );
        await wire.readToEnd();
      },
    });
  await using one = await upgrade();
  await using two = await upgrade();
  await using cell = await Cell.start({ config: COOKIE });
  const first = cell.add({ ports: [one.port], score: 0 });
  cell.add({ ports: [two.port], score: 10 });
  const headers = {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
  };
  const ask = (cookie: string) =>
    call({ port: cell.port }, "GET", "/", {
      headers: cookie === "" ? headers : { ...headers, Cookie: cookie },
    });
  const got = await ask("");
  expect([got.status, cookieOf(got).startsWith(`${NAME}=`)]).toEqual([101, true]);
  const { baseScore } = cell.tables.backends.columns;
  for (const scores of baseScore) scores[first.row] = 100;
  const next = await ask(cookieOf(got));
  expect([next.status, next.header("Set-Cookie")]).toEqual([101, null]);
  expect([one.connections.length, two.connections.length]).toEqual([2, 0]);
});

test("by HTTP/2 as well, with the cookies of a request in several fields", async () => {
  const certificates = { fallback: selfSigned(), named: [], clientCa: "" };
  await using pair = await Pair.start({ certificates });
  const { Http2Client } = await import("../http2/peers.ts");
  await using client = await Http2Client.open(pair.cell.port);
  const ended = async (lines: string) => {
    const heard = client.ask(lines);
    await eventually("the answer", () => heard.events.includes("end"));
    return client.side.heads.get(heard.stream?.id ?? 0);
  };
  const first = await ended("GET / HTTP/1.1");
  const set = first?.get("set-cookie") ?? "";
  expect(set).toEndWith("; Path=/; HttpOnly; Secure; SameSite=Lax");
  pair.turn();
  const next = await ended(`GET / HTTP/1.1\r\nCookie: a=1\r\nCookie: ${set.split(";")[0]}\r\nCookie: b=2`);
  expect(next?.get("set-cookie")).toBeNull();
  expect(pair.backends.map(({ requests }) => requests.length)).toEqual([2, 0]);
  expect(header(pair.backends[0]?.requests[1] ?? never(), "cookie")).toBe("a=1; b=2");
});

test("our own refusals set no cookie", async () => {
  await using cell = await Cell.start({ config: COOKIE });
  const got = await call({ port: cell.port }, "GET", "/");
  expect([got.status, got.header("Set-Cookie")]).toEqual([503, null]);
});

function never(): never {
  throw new Error("no such request");
}

test("what is said to shared caches alone does not let them keep a cookie either (RFC 9213)", async () => {
  const fields = { "Cache-Control": "max-age=60", "CDN-Cache-Control": "max-age=60" };
  await using backend = await RawBackend.start({
    respond: (_request, wire) => answer(wire, 200, "ok", fields),
  });
  await using cell = await Cell.start({ config: COOKIE });
  cell.add({ ports: [backend.port] });
  const ask = (cookie = "") => call({ port: cell.port }, "GET", "/", { headers: { Cookie: cookie } });
  const first = await ask();
  expect(headerAll(first.raw, "CDN-Cache-Control")).toEqual(["max-age=60", "private"]);
  const second = await ask(cookieOf(first));
  expect(headerAll(second.raw, "CDN-Cache-Control")).toEqual(["max-age=60"]);
});

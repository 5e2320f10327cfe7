import { describe, expect, test } from "bun:test";
import { type ForwardContext, hasVia, writeRequestHead } from "../../../core/http/forward-request.ts";
import { latin1, request } from "./support.ts";

const CONTEXT: ForwardContext = {
  authority: "10.0.0.1:9000",
  basePath: "",
  preserveHost: false,
  clientIp: "192.0.2.7",
  forwardedFor: "192.0.2.7",
  proto: "http",
  forwardedHost: "t",
  forwarded: "",
  clientSubject: "",
  passesCertificates: false,
  close: false,
  requestId: "id-1",
  viaName: "opsen-1",
  lbClientId: "b1",
  lbHostname: "h1",
  dropHeader: "",
  upgrade: "",
  forwardExpect: false,
  extra: [],
};

function forward(text: string, changes: Partial<ForwardContext> = {}): string {
  const out = Buffer.alloc(16_384, 0x2e);
  const end = writeRequestHead(request(text), { ...CONTEXT, ...changes }, out, 3);
  return out.toString("latin1", 3, end);
}

function forwardLines(lines: string[], changes: Partial<ForwardContext> = {}): string[] {
  const text = forward(`${["POST /x HTTP/1.1", "Host: t", ...lines].join("\r\n")}\r\n\r\n`, changes);
  expect(text.endsWith("\r\n\r\n")).toBe(true);
  return text.slice(0, -4).split("\r\n");
}

const OURS = [
  "X-Forwarded-For: 192.0.2.7",
  "X-Forwarded-Proto: http",
  "X-Forwarded-Host: t",
  "X-Real-IP: 192.0.2.7",
  "X-Request-ID: id-1",
  "Via: 1.1 opsen-1",
  "X-LB-Client-ID: b1",
  "X-LB-Hostname: h1",
];

describe("request line and Host", () => {
  test.each([
    ["GET /a?b HTTP/1.1\r\nHost: t\r\n\r\n", {}, "GET /a?b HTTP/1.1"],
    ["GET /x? HTTP/1.1\r\nHost: t\r\n\r\n", {}, "GET /x? HTTP/1.1"],
    ["GET /a HTTP/1.0\r\n\r\n", {}, "GET /a HTTP/1.1"],
    ["GET http://t/x?y HTTP/1.1\r\nHost: o\r\n\r\n", {}, "GET /x?y HTTP/1.1"],
    ["GET http://t HTTP/1.1\r\nHost: t\r\n\r\n", {}, "GET / HTTP/1.1"],
    ["GET http://t?q HTTP/1.1\r\nHost: t\r\n\r\n", {}, "GET /?q HTTP/1.1"],
    ["OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n", { basePath: "/base" }, "OPTIONS * HTTP/1.1"],
    ["GET /a%2F../b HTTP/1.1\r\nHost: t\r\n\r\n", { basePath: "/base" }, "GET /base/a%2F../b HTTP/1.1"],
    ["GET http://t?q HTTP/1.1\r\nHost: t\r\n\r\n", { basePath: "/base" }, "GET /base/?q HTTP/1.1"],
  ])("%j with %j", (text, changes, line) => {
    const lines = forward(text, changes).split("\r\n");
    expect(lines.slice(0, 2)).toEqual([line, "Host: 10.0.0.1:9000"]);
    expect(lines.filter((each) => /^host:/i.test(each))).toHaveLength(1);
  });

  test("the client's authority can be kept; without one the backend's serves", () => {
    const keep = { preserveHost: true };
    expect(forward("GET / HTTP/1.1\r\nHost: T.example:1\r\n\r\n", keep)).toContain(
      "\r\nHost: T.example:1\r\n",
    );
    expect(forward("GET http://a/ HTTP/1.1\r\nHost: t\r\n\r\n", keep)).toContain("\r\nHost: a\r\n");
    expect(forward("GET / HTTP/1.0\r\n\r\n", keep)).toContain("\r\nHost: 10.0.0.1:9000\r\n");
  });
});

describe("fields", () => {
  test("C-24, C-29, C-30: others pass byte for byte, in order, ours come last", () => {
    const lines = ["X-Weird:a", "cookie: a=1", "COOKIE: b=2 ", "X-Foo:\tcaf\xe9", "x-foo: "];
    expect(forwardLines(lines)).toEqual([
      "POST /x HTTP/1.1",
      "Host: 10.0.0.1:9000",
      ...lines,
      "Content-Length: 0",
      ...OURS,
    ]);
  });

  test("C-16 to C-18: hop-by-hop fields and those that Connection names", () => {
    const kept = forwardLines([
      "Connection:",
      "Connection: X-A, close",
      "x-a: 1",
      "X-Ab: stays",
      "Keep-Alive: timeout=5",
      "Proxy-Connection: keep-alive",
      "Proxy-Authorization: Basic x",
      "Connection: X-Secret",
      "X-SECRET: 1",
      "TE: gzip",
      "Trailer: X-T",
      "Transfer-Encoding: chunked",
      "Upgrade: h2c",
      "HTTP2-Settings: AAM",
    ]);
    expect(kept.slice(2)).toEqual(["X-Ab: stays", "Transfer-Encoding: chunked", ...OURS]);
  });

  test("C-19 TE: trailers travels with its connection option, gzip never", () => {
    const lines = forwardLines(["TE: trailers, gzip;q=0.5", "Connection: TE"]);
    expect(lines.filter((line) => /^(te|connection):/i.test(line))).toEqual([
      "TE: trailers",
      "Connection: TE",
    ]);
  });

  test("C-21 S135: Connection cannot strip what we add", () => {
    const lines = forwardLines([
      "Connection: close, X-Forwarded-For, Via, X-Real-IP, X-LB-Client-ID, X-Request-ID",
    ]);
    expect(lines.slice(3)).toEqual(OURS);
  });

  test("C-22 Via follows an existing one", () => {
    const vias = forwardLines(["Via: 1.0 first, 1.1 second"]).filter((line) => /^via:/i.test(line));
    expect(vias).toEqual(["Via: 1.0 first, 1.1 second", "Via: 1.1 opsen-1"]);
  });

  test("C-25 what only proxies may say is the proxy's own, also in other spellings", () => {
    const lines = forwardLines([
      "X-Forwarded-For: 6.6.6.6",
      "x-forwarded-host: evil",
      "X-Forwarded-Proto: https",
      "X-Forwarded-Port: 1",
      "X-Real-IP: 6.6.6.6",
      "Forwarded: for=6.6.6.6",
      "X_Forwarded_For: 6.6.6.6",
      "X-LB-Client-ID: other",
      "X-LB-Hostname: other",
      "X-Opsen-Secret: s",
      "x-opsen-anything: s",
      "X-Opsen-Error: s",
      "X-Request-ID: theirs",
    ]);
    expect(lines.slice(3)).toEqual(OURS);
  });

  test("X-Request-ID of the client passes when the proxy gives none", () => {
    expect(forwardLines(["X-Request-ID: theirs"], { requestId: "" })).toContain("X-Request-ID: theirs");
  });

  test("drops the named field, whatever its case", () => {
    const lines = ["X-API-Key: k", "x-api-key: k", "X-API-Key2: stays"];
    const sent = forwardLines(lines, { dropHeader: "x-api-key" });
    expect(sent.filter((line) => /api-key/i.test(line))).toEqual(["X-API-Key2: stays"]);
  });

  test("texts that could end a line are left out", () => {
    const bad = ["a\r\nX-Evil: 1", "a\nb", "a\0", "\u010d\u010a"];
    for (const text of bad) {
      const lines = forwardLines([], { lbHostname: text, lbClientId: text, extra: [["X-E", text]] });
      expect(lines.slice(3)).toEqual(OURS.slice(0, 6));
    }
    expect(forwardLines([], { extra: [["X-E", "1"]] }).at(-1)).toBe("X-E: 1");
  });
});

describe("framing, expectation, upgrade", () => {
  test.each([
    ["POST", [], "Content-Length: 0"],
    ["PUT", [], "Content-Length: 0"],
    ["GET", [], undefined],
    ["GET", ["Content-Length: 31"], "Content-Length: 31"],
    ["DELETE", ["Content-Length: 0"], "Content-Length: 0"],
    ["GET", ["tRANSFER-eNCODING: ChUnKeD"], "Transfer-Encoding: chunked"],
  ])("C-44, C-45: %s with %j", (method, lines, expected) => {
    const text = forward(`${[`${method} / HTTP/1.1`, "Host: t", ...lines].join("\r\n")}\r\n\r\n`);
    const framing = text.split("\r\n").filter((line) => /^(content-length|transfer-encoding):/i.test(line));
    expect(framing).toEqual(expected === undefined ? [] : [expected]);
  });

  test("C-10 Max-Forwards is lowered on OPTIONS and passes elsewhere", () => {
    const rest = "/ HTTP/1.1\r\nHost: t\r\nMax-Forwards: 5\r\n\r\n";
    expect(forward(`OPTIONS ${rest}`).match(/Max-Forwards: .*/g)).toEqual(["Max-Forwards: 4"]);
    expect(forward(`GET ${rest}`).match(/Max-Forwards: .*/g)).toEqual(["Max-Forwards: 5"]);
  });

  test("Expect travels only when the caller wants it to", () => {
    const lines = ["Content-Length: 5", "Expect: 100-continue"];
    expect(forwardLines(lines).filter((line) => line.startsWith("Expect"))).toEqual([]);
    const forwarded = forwardLines(lines, { forwardExpect: true });
    expect(forwarded.filter((line) => line.startsWith("Expect"))).toEqual(["Expect: 100-continue"]);
  });

  test("W-01 an upgrade carries its handshake", () => {
    const lines = ["Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k"];
    const sent = forward(`${["GET / HTTP/1.1", "Host: t", ...lines].join("\r\n")}\r\n\r\n`, {
      upgrade: "websocket",
    });
    expect(sent).toContain("\r\nSec-WebSocket-Key: k\r\n");
    expect(sent).toEndWith("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  });
});

test("an output that is too small is refused, and never overrun", () => {
  const head = request(`GET / HTTP/1.1\r\nHost: t\r\nX: ${"a".repeat(500)}\r\n\r\n`);
  const needed = writeRequestHead(head, CONTEXT, Buffer.alloc(4096), 0);
  for (let size = 0; size < needed; size += 7) {
    expect(writeRequestHead(head, CONTEXT, Buffer.alloc(size), 0)).toBe(-1);
  }
});

test.each([
  ["1.1 opsen-1", true],
  ["1.0 other, HTTP/1.1 opsen-1 (a comment)", true],
  ["1.1\topsen-1", true],
  ["1.1 opsen-12", false],
  ["1.1 other (opsen-1)", false],
])("C-23 Via: %s is a loop: %p", (via, expected) => {
  expect(hasVia(request(`GET / HTTP/1.1\r\nHost: t\r\nVia: 1.1 a\r\nvia: ${via}\r\n\r\n`), "opsen-1")).toBe(
    expected,
  );
});

test("S137, S131: what was to be stripped is nowhere in the octets sent", () => {
  const sent = forward(
    "GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
  );
  expect(latin1(sent).includes("h2c")).toBe(false);
  expect(/http2-settings|^connection|^upgrade/im.test(sent)).toBe(false);
});

import { describe, expect, test } from "bun:test";
import { parseRequestHead, RequestHead } from "../../../core/http/request-head.ts";
import { fields, LIMITS, latin1, request, requestStatus } from "./support.ts";

function get(line: string, ...lines: string[]): string {
  return `${[line, ...lines].join("\r\n")}\r\n\r\n`;
}

function withHost(line: string): string {
  return get(line, "Host: t");
}

function post(version: string, expectation: string): string {
  return get(`POST / ${version}`, "Host: t", "Content-Length: 5", `Expect: ${expectation}`);
}

function upgrade(version: string, connection: string): string {
  return request(get(`GET / ${version}`, "Host: t", `Connection: ${connection}`, "UPGRADE: WebSocket"))
    .upgrade;
}

/** A head of so many bytes. */
function headOf(length: number): string {
  const empty = get("GET / HTTP/1.1", "Host: t", "X: ");
  return get("GET / HTTP/1.1", "Host: t", `X: ${"a".repeat(length - empty.length)}`);
}

describe("request line", () => {
  test("a plain GET", () => {
    const head = request("GET /a/b?c=d HTTP/1.1\r\nHost: example.com:8080\r\nAccept: */*\r\n\r\nrest");
    expect(head).toMatchObject({
      method: "GET",
      target: "/a/b?c=d",
      path: "/a/b",
      query: "c=d",
      minor: 1,
      host: "example.com:8080",
      framing: "none",
      contentLength: -1,
      keepAlive: true,
      rejection: null,
    });
    expect(fields(head)).toEqual([
      ["Host", "example.com:8080"],
      ["Accept", "*/*"],
    ]);
  });

  test("returns the bytes consumed, from any start", () => {
    const text = withHost("GET / HTTP/1.1");
    const bytes = latin1(`xxx${text}next`);
    const head = new RequestHead();
    expect(parseRequestHead(bytes, 3, bytes.length, LIMITS, head)).toBe(text.length);
    expect(head.end).toBe(3 + text.length);
  });

  test.each([
    ["C-01 HTTP/1.0", get("GET / HTTP/1.0"), { minor: 0, keepAlive: false, host: "" }],
    ["C-02 HTTP/1.2", withHost("GET / HTTP/1.2"), { minor: 1, keepAlive: true }],
    ["C-03 HTTP/1.0 without Host", get("GET / HTTP/1.0"), { host: "", rejection: null }],
    ["1.0 keep-alive", get("GET / HTTP/1.0", "Connection: keep-alive"), { keepAlive: true }],
    [
      "C-05 absolute-form",
      get("GET http://t/x?y HTTP/1.1", "Host: other"),
      { host: "t", path: "/x", query: "y" },
    ],
    ["C-06 no path", get("GET http://t HTTP/1.1", "Host: t"), { path: "/", query: "" }],
    ["only a query", get("GET http://t?q HTTP/1.1", "Host: t"), { path: "/", query: "q" }],
    ["scheme in capitals", get("GET HTTPS://t:1/ HTTP/1.1", "Host: t"), { host: "t:1", path: "/" }],
    ["C-07 OPTIONS *", withHost("OPTIONS * HTTP/1.1"), { path: "*", method: "OPTIONS" }],
    ["OPTIONS of an authority", withHost("OPTIONS http://t HTTP/1.1"), { path: "*" }],
    ["C-11 unknown method", withHost("FOO / HTTP/1.1"), { method: "FOO" }],
    ["C-12 lower-case method", withHost("get / HTTP/1.1"), { method: "get" }],
    ["C-15 a leading CRLF", `\r\n${withHost("GET / HTTP/1.1")}`, { method: "GET" }],
  ])("%s is accepted", (_about, text, expected) => {
    expect(request(text)).toMatchObject(expected);
  });

  test.each([
    ["/a/../b"],
    ["/a/%2e%2e/b"],
    ["/a%2fb"],
    ["//a//b"],
    ["///"],
    ["/%00"],
    ["/%0d%0aX:1"],
    ["/%c0%af"],
    ["/%252e/"],
    ["/x?"],
    ["/x??a"],
    ["/?a=1;b=2"],
    ["/?a=%zz"],
    ["/?a=\\"],
    ["/foo/bar%"],
    ["/%1"],
    ['/[]{}|^`"<>'],
  ])("C-81 to C-87: %s passes as it is", (target) => {
    const head = request(withHost(`GET ${target} HTTP/1.1`));
    expect(head.target).toBe(target);
    expect(head.query === "" ? target.replace(/\?$/, "") : `${head.path}?${head.query}`).toBe(
      head.query === "" ? head.path : target,
    );
  });

  test.each([
    ["C-08 GET *", withHost("GET * HTTP/1.1"), 400],
    ["C-08 no slash", withHost("GET admin HTTP/1.1"), 400],
    ["C-08 authority-form", withHost("GET t:80 HTTP/1.1"), 400],
    ["C-08 OPTIONS */x", withHost("OPTIONS */x HTTP/1.1"), 400],
    ["C-09 CONNECT", withHost("CONNECT t:80 HTTP/1.1"), 501],
    ["C-09 TRACE", withHost("TRACE / HTTP/1.1"), 501],
    ["C-82 backslash in the path", withHost("GET /a\\b HTTP/1.1"), 400],
    ["C-85 NUL", withHost("GET /a\0b HTTP/1.1"), 400],
    ["C-85 fragment", withHost("GET /a#b HTTP/1.1"), 400],
    ["C-85 raw UTF-8", withHost("GET /caf\xc3\xa9 HTTP/1.1"), 400],
    ["DEL", withHost("GET /a\x7f HTTP/1.1"), 400],
    ["another scheme", withHost("GET ftp://t/ HTTP/1.1"), 400],
    ["user information", withHost("GET http://a@t/ HTTP/1.1"), 400],
    ["no authority", withHost("GET http:///x HTTP/1.1"), 400],
    ["two spaces", withHost("GET  / HTTP/1.1"), 400],
    ["two leading empty lines", `\r\n\r\n${withHost("GET / HTTP/1.1")}`, 400],
    ["leading LF", `\n${withHost("GET / HTTP/1.1")}`, 400],
    ["method too long", withHost(`${"A".repeat(65)} / HTTP/1.1`), 400],
    ["no version", "GET / \r\n\r\n", 400],
    ["HTTP/1", withHost("GET / HTTP/1"), 400],
    ["HTTP/01.01", withHost("GET / HTTP/01.01"), 400],
    ["HTTP/ 1.1", withHost("GET / HTTP/ 1.1"), 400],
    ["HTTP/1.x", withHost("GET / HTTP/1.x"), 400],
    ["HTTP/9.9", withHost("GET / HTTP/9.9"), 505],
    ["HTTP/0.9", withHost("GET / HTTP/0.9"), 505],
    ["HTTP/2.0", withHost("GET / HTTP/2.0"), 505],
  ])("%s is refused", (_about, text, status) => {
    expect(requestStatus(text)).toBe(status);
  });
});

describe("Host", () => {
  test.each(["t", "a.b-c_d~e", "10.0.0.1:80", "[::1]", "[2001:db8::1]:443", "t:", "T.Example"])(
    "%s",
    (host) => {
      expect(request(get("GET / HTTP/1.1", `Host: ${host}`)).host).toBe(host);
    },
  );

  test.each([
    "",
    "a@t",
    "t/x",
    "t, e",
    "t e",
    "t:99999",
    "t:x",
    ":80",
    "[::1",
    "[x]",
    "[fe80::1%25lo]",
    "[1.2.3.4]",
  ])("C-04 %s is refused", (host) => {
    expect(requestStatus(get("GET / HTTP/1.1", `Host: ${host}`))).toBe(400);
  });

  test("a bad Host is refused beside an absolute target too", () => {
    expect(requestStatus(get("GET http://t/ HTTP/1.1", "Host: a@b"))).toBe(400);
    expect(requestStatus(get("GET http://t/ HTTP/1.1"))).toBe(400);
  });
});

describe("fields", () => {
  test("whitespace around values is not part of them", () => {
    const head = request(
      get("GET / HTTP/1.1", "hoSt:\texample.com ", "empty:", "blank: \t ", "Inner:  a  b\t"),
    );
    expect(fields(head)).toEqual([
      ["hoSt", "example.com"],
      ["empty", ""],
      ["blank", ""],
      ["Inner", "a  b"],
    ]);
  });

  test("C-30 octets above 0x7f survive", () => {
    expect(request(get("GET / HTTP/1.1", "Host: t", "X: caf\xe9\x80\xff")).get("x")).toBe("caf\xe9\x80\xff");
  });

  test("get, find and join", () => {
    const head = request(get("GET / HTTP/1.1", "Host: t", "X-A: 1", "x-b: 2", "x-a: 3"));
    expect([head.get("x-a"), head.join("x-a"), head.get("x-c"), head.join("x-c")]).toEqual([
      "1",
      "1, 3",
      null,
      null,
    ]);
    expect([head.find("x-a"), head.find("x-a", 2), head.find("x-a", 4)]).toEqual([1, 3, -1]);
  });

  test("more fields than fit at first", () => {
    const lines = Array.from({ length: 99 }, (_, index) => `X-${index}: ${index}`);
    const head = request(get("GET / HTTP/1.1", "Host: t", ...lines));
    expect(head.count).toBe(100);
    expect(head.get("x-98")).toBe("98");
  });

  test.each([
    ["C-115 colon first", ":path: /x"],
    ["brackets in a name", "X[]: a"],
    ["BEL in a value", "X: a\x07"],
    ["LF in a value", "X: a\nb"],
    ["underscored Content_Length", "Content_Length: 5"],
    ["underscored transfer_encoding", "transfer_encoding: chunked"],
    ["underscored Content_length in a mix", "content_Length: 0"],
    ["Connection names Host", "Connection: Host"],
    ["Connection names Transfer-Encoding", "Connection: close, transfer-encoding"],
    ["Connection holds no token", "Connection: a b"],
    [
      "Connection holds too many",
      `Connection: ${Array.from({ length: 33 }, (_, index) => `x${index}`).join(",")}`,
    ],
    ["leading zeros", "Content-Length: 005"],
    ["Transfer-Encoding in a list", "Transfer-Encoding: gzip, chunked"],
  ])("%s is refused", (_about, line) => {
    expect(requestStatus(get("POST / HTTP/1.1", "Host: t", line))).toBe(400);
  });

  test("C-65 expectations", () => {
    expect(request(post("HTTP/1.1", "100-Continue")).expectContinue).toBe(true);
    expect(requestStatus(post("HTTP/1.1", "foo"))).toBe(417);
    expect(request(post("HTTP/1.0", "100-continue")).expectContinue).toBe(false);
    expect(request(get("GET / HTTP/1.1", "Host: t", "Expect: 100-continue")).expectContinue).toBe(false);
  });

  test("C-10 Max-Forwards counts on OPTIONS only", () => {
    expect(request(get("OPTIONS / HTTP/1.1", "Host: t", "Max-Forwards: 5")).maxForwards).toBe(5);
    expect(request(get("GET / HTTP/1.1", "Host: t", "Max-Forwards: 5")).maxForwards).toBe(-1);
    expect(requestStatus(get("OPTIONS / HTTP/1.1", "Host: t", "Max-Forwards: x"))).toBe(400);
  });

  test("Upgrade needs Connection and HTTP/1.1", () => {
    expect(upgrade("HTTP/1.1", "keep-alive, Upgrade")).toBe("websocket");
    expect(upgrade("HTTP/1.1", "keep-alive")).toBe("");
    expect(upgrade("HTTP/1.0", "Upgrade")).toBe("");
  });

  test("TE: trailers", () => {
    expect(request(get("GET / HTTP/1.1", "Host: t", "TE: gzip;q=0.5, Trailers")).teTrailers).toBe(true);
    expect(request(get("GET / HTTP/1.1", "Host: t", "TE: gzip")).teTrailers).toBe(false);
  });
});

describe("limits", () => {
  const limits = { maxHeadBytes: 9000, maxTargetBytes: 8000, maxHeaders: 3 };

  test("C-13 a target of 8000 bytes is served, a longer one gets 414", () => {
    expect(requestStatus(withHost(`GET /${"a".repeat(7999)} HTTP/1.1`), limits)).toBe(0);
    expect(requestStatus(withHost(`GET /${"a".repeat(8000)} HTTP/1.1`), limits)).toBe(414);
    expect(requestStatus(`GET /${"a".repeat(100_000)}`, limits)).toBe(414);
  });

  test("C-14 a head over the limit gets 431, at the limit it is served", () => {
    expect(requestStatus(headOf(9000), limits)).toBe(0);
    expect(requestStatus(headOf(9001), limits)).toBe(431);
    expect(requestStatus(`GET / HTTP/1.1\r\n${"A".repeat(100_000)}`, limits)).toBe(431);
  });

  test("C-14 too many fields get 431", () => {
    expect(requestStatus(get("GET / HTTP/1.1", "Host: t", "A: 1", "B: 2"), limits)).toBe(0);
    expect(requestStatus(get("GET / HTTP/1.1", "Host: t", "A: 1", "B: 2", "C: 3"), limits)).toBe(431);
  });
});

test("every prefix of a valid head waits for more", () => {
  const text = get("POST /hello?x HTTP/1.1", "Host: localhost", "Content-Length: 3", "X:  y ");
  for (let length = 0; length < text.length; length++) expect(requestStatus(text.slice(0, length))).toBe(-1);
});

test("a refused or complete head leaves nothing behind in the next one", () => {
  const head = new RequestHead();
  const parse = (text: string): number => {
    const bytes = latin1(text);
    return parseRequestHead(bytes, 0, bytes.length, LIMITS, head);
  };
  const full = get(
    "POST http://a/?q HTTP/1.0",
    "Host: t",
    "Content-Length: 5",
    "Connection: x, close",
    "TE: trailers",
  );
  expect(parse(full)).toBe(full.length);
  expect(parse("BAD\0")).toBe(-1);
  const plain = withHost("GET /z HTTP/1.1");
  expect(parse(plain)).toBe(plain.length);
  expect(head).toMatchObject({
    host: "t",
    query: "",
    minor: 1,
    framing: "none",
    contentLength: -1,
    teTrailers: false,
  });
  expect(head).toMatchObject({ keepAlive: true, nominated: 0, rejection: null, count: 1, originStart: 0 });
});

test("a reset head says nothing of the request before", () => {
  const head = request(
    get(
      "OPTIONS http://h/a?b HTTP/1.1",
      "Host: h",
      "Content-Length: 5",
      "Expect: 100-continue",
      "TE: trailers",
    ),
  );
  const { framing, contentLength, expectContinue, host } = head;
  expect({ framing, contentLength, expectContinue, host }).toEqual({
    framing: "length",
    contentLength: 5,
    expectContinue: true,
    host: "h",
  });
  head.reset();
  expect(head).toMatchObject({
    method: "",
    target: "",
    path: "",
    query: "",
    host: "",
    framing: "none",
    contentLength: -1,
    expectContinue: false,
    upgrade: "",
    teTrailers: false,
    maxForwards: -1,
    count: 0,
  });
});

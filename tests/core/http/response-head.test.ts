import { describe, expect, test } from "bun:test";
import { parseResponseHead, ResponseHead } from "../../../core/http/response-head.ts";
import { fields, LIMITS, latin1, response } from "./support.ts";

function answer(line: string, ...lines: string[]): string {
  return `${[line, ...lines].join("\r\n")}\r\n\r\n`;
}

function challenge(scheme: string): boolean | undefined {
  return response(answer("HTTP/1.1 401 No", `WWW-Authenticate: ${scheme}`))?.authenticatesConnection;
}

const OK = "HTTP/1.1 200 OK";

describe("status line", () => {
  test.each([
    [OK, { status: 200, reason: "OK", minor: 1 }],
    ["HTTP/1.0 404 Not Found", { status: 404, reason: "Not Found", minor: 0 }],
    ["HTTP/1.1 200 ", { status: 200, reason: "" }],
    ["HTTP/1.1 204", { status: 204, reason: "" }],
    ["HTTP/1.1 599 caf\xe9", { status: 599, reason: "caf\xe9" }],
  ])("%s", (line, expected) => {
    expect(response(answer(line))).toMatchObject(expected);
  });

  test.each([
    ["HTTP/1.1 99 x"],
    ["HTTP/1.1 099 x"],
    ["HTTP/1.1 600 x"],
    ["HTTP/1.1 2OO x"],
    ["HTTP/1.1 2000"],
    ["HTTP/1.1  200 OK"],
    ["HTTP/1.1200 OK"],
    ["HTTP/2 200"],
    ["http/1.1 200 OK"],
    ["hello"],
    [""],
    ["HTTP/1.1 200 O\0K"],
    ["HTTP/1.1 200 O\x7fK"],
  ])("C-39 %j is a fault", (line) => {
    expect(response(answer(line))).toBeNull();
  });
});

describe("framing", () => {
  test.each([
    ["length", "GET", answer(OK, "Content-Length: 5"), "length", 5, true],
    ["length 0", "GET", answer(OK, "Content-Length: 0"), "none", 0, true],
    ["chunked", "GET", answer(OK, "Transfer-Encoding: Chunked"), "chunked", -1, true],
    ["close-delimited", "GET", answer(OK), "close", -1, false],
    [
      "C-58 Connection: close",
      "GET",
      answer(OK, "Content-Length: 5", "Connection: close"),
      "length",
      5,
      false,
    ],
    ["C-58 HTTP/1.0", "GET", answer("HTTP/1.0 200 OK", "Content-Length: 5"), "length", 5, false],
    ["C-40 HEAD", "HEAD", answer(OK, "Content-Length: 5"), "none", 5, true],
    ["HEAD of a chunked answer", "HEAD", answer(OK, "Transfer-Encoding: chunked"), "none", -1, true],
    ["C-41 204", "GET", answer("HTTP/1.1 204 No Content"), "none", -1, true],
    ["C-41 204 with a length", "GET", answer("HTTP/1.1 204 No", "Content-Length: 5"), "none", 5, false],
    [
      "204 that is chunked",
      "GET",
      answer("HTTP/1.1 204 No", "Transfer-Encoding: chunked"),
      "none",
      -1,
      false,
    ],
    ["C-41 304", "GET", answer("HTTP/1.1 304 Not Modified", "Content-Length: 5"), "none", 5, true],
  ])("%s", (_about, method, text, framing, contentLength, keepAlive) => {
    expect(response(text, method)).toMatchObject({ framing, contentLength, keepAlive });
  });

  test.each([
    ["invalid length", "Content-Length: 5x"],
    ["empty length", "Content-Length:"],
    ["two lengths", "Content-Length: 5\r\nContent-Length: 6"],
    ["two equal lengths", "Content-Length: 5\r\nContent-Length: 5"],
    ["length and coding", "Content-Length: 5\r\nTransfer-Encoding: chunked"],
    ["coding twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"],
    ["unknown coding", "Transfer-Encoding: gzip"],
    ["gzip, chunked", "Transfer-Encoding: gzip, chunked"],
    ["obs-fold", "X: a\r\n b"],
    ["NUL in a value", "X: a\0b"],
    ["CR in a value", "X: a\rb"],
    ["no colon", "nonsense"],
    ["space before the colon", "X : a"],
    ["Connection names Content-Length", "Content-Length: 5\r\nConnection: content-length"],
  ])("C-38, C-39: %s is a fault", (_about, lines) => {
    expect(response(answer(OK, lines))).toBeNull();
  });

  test("C-38 a coding in HTTP/1.0 is a fault", () => {
    expect(response(answer("HTTP/1.0 200 OK", "Transfer-Encoding: chunked"))).toBeNull();
  });

  test("C-39 a head over the limit is a fault", () => {
    expect(response(`${OK}\r\nX: ${"a".repeat(1_048_576)}`)).toBeNull();
    const head = new ResponseHead();
    const bytes = latin1(answer(OK, ...Array.from({ length: 101 }, () => "A: 1")));
    expect(parseResponseHead(bytes, 0, bytes.length, LIMITS, "GET", head)).toBe(-1);
    expect(head.fault).toBe("too many fields");
  });
});

describe("what else the proxy asks of a response", () => {
  test("C-60 informational responses have no body and are flagged", () => {
    const hints = response(answer("HTTP/1.1 103 Early Hints", "Link: </a>"));
    expect(hints).toMatchObject({ informational: true, framing: "none", status: 103 });
  });

  test("101 tells the protocol; without one it is a fault", () => {
    const lines = ["Connection: upgrade", "Upgrade: WebSocket"];
    const head = response(answer("HTTP/1.1 101 Switching Protocols", ...lines));
    expect(head).toMatchObject({ informational: false, upgrade: "websocket", framing: "none" });
    expect(response(answer("HTTP/1.1 101 Switching Protocols"))).toBeNull();
    expect(response(answer("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket"))).toBeNull();
  });

  test.each([
    ["text/event-stream", true],
    ["Text/Event-Stream;charset=utf-8", true],
    ["text/event-stream ; x=y", true],
    ["text/event-streams", false],
    ["text/event", false],
    ["application/json", false],
  ])("content type %s: event stream %p", (type, expected) => {
    expect(response(answer(OK, `Content-Type: ${type}`))?.isEventStream).toBe(expected);
  });

  test("C-59 authentication of the connection", () => {
    for (const value of ["NTLM", "negotiate abc", 'Basic realm="x", NTLM', "Digest a=b ,\tNegotiate"]) {
      expect([value, challenge(value)]).toEqual([value, true]);
    }
    for (const value of ["Basic realm=x", "Basic realm=ntlm", "NTLM2", "Negotiated"]) {
      expect([value, challenge(value)]).toEqual([value, false]);
    }
  });

  test("C-28 repeated fields stay apart and in order", () => {
    const lines = ["Set-Cookie: a=1", "Link: <x>", "Set-Cookie: b=2"];
    const head = response(answer(OK, ...lines));
    expect(head === null ? [] : fields(head).map((pair) => pair.join(": "))).toEqual(lines);
  });
});

import { describe, expect, test } from "bun:test";
import { HttpDate } from "../../../core/http/http-date.ts";
import { buildResponse, CONTINUE, reasonPhrase } from "../../../core/http/respond.ts";
import { checkWebSocketHandshake } from "../../../core/http/websocket.ts";
import { PROXY_ERROR_STATUS } from "../../../core/wire/proxy-error.ts";
import { request } from "./support.ts";

describe("answers of our own", () => {
  const reply = {
    status: 503,
    headers: [["X-Opsen-Error", "no_backend"]],
    body: "h\u00e9",
    date: "D",
  } as const;

  test("have a length, a date and the connection's fate", () => {
    const head =
      "HTTP/1.1 503 Service Unavailable\r\nX-Opsen-Error: no_backend\r\nContent-Length: 3\r\nDate: D\r\n";
    expect(buildResponse(reply, 1, true).toString()).toBe(`${head}\r\nh\u00e9`);
    expect(buildResponse(reply, 1, false).toString()).toBe(`${head}Connection: close\r\n\r\nh\u00e9`);
    expect(buildResponse(reply, 0, true).toString()).toBe(`${head}Connection: keep-alive\r\n\r\nh\u00e9`);
    expect(buildResponse({ ...reply, omitBody: true }, 1, true).toString()).toBe(`${head}\r\n`);
  });

  test("204 and 304 have neither length nor body", () => {
    for (const status of [204, 304]) {
      const text = buildResponse({ ...reply, status, headers: [], date: "" }, 1, true).toString();
      expect(text).toBe(`HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n\r\n`);
    }
  });

  test("bytes pass as they are", () => {
    const bytes = buildResponse(
      { status: 200, headers: [], body: new Uint8Array([0, 255]), date: "" },
      1,
      true,
    );
    expect([...bytes.subarray(-2)]).toEqual([0, 255]);
    expect(CONTINUE.toString()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  });

  test("each of our error codes has its phrase", () => {
    for (const status of [...Object.values(PROXY_ERROR_STATUS), 426, 505]) {
      expect(reasonPhrase(status)).not.toBe("Unknown");
    }
    expect(reasonPhrase(299)).toBe("Unknown");
  });
});

test("the date changes with the second", () => {
  const date = new HttpDate();
  // The example of RFC 9110 section 5.6.7.
  const example = Date.UTC(1994, 10, 6, 8, 49, 37);
  expect(date.at(example)).toBe("Sun, 06 Nov 1994 08:49:37 GMT");
  expect(date.at(example + 999)).toBe("Sun, 06 Nov 1994 08:49:37 GMT");
  expect(date.at(example + 1000)).toBe("Sun, 06 Nov 1994 08:49:38 GMT");
  expect(date.at(example)).toBe("Sun, 06 Nov 1994 08:49:37 GMT");
});

const KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const VERSION = "Sec-WebSocket-Version: 13";

function handshakeStatus(method: string, lines: readonly string[]): number {
  const start = [`${method} / HTTP/1.1`, "Host: t", "Connection: Upgrade", "Upgrade: websocket"];
  return checkWebSocketHandshake(request(`${[...start, ...lines].join("\r\n")}\r\n\r\n`))?.status ?? 0;
}

describe("W-03 WebSocket handshake", () => {
  test.each([
    ["sound", "GET", [KEY, VERSION], 0],
    ["without a key", "GET", [VERSION], 400],
    ["with a short key", "GET", ["Sec-WebSocket-Key: abc=", VERSION], 400],
    ["with a key of 17 bytes", "GET", ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQA=", VERSION], 400],
    ["with two keys", "GET", [KEY, KEY, VERSION], 400],
    ["of version 12", "GET", [KEY, "Sec-WebSocket-Version: 12"], 426],
    ["without a version", "GET", [KEY], 426],
    ["by POST", "POST", [KEY, VERSION], 400],
  ])("%s", (_about, method, lines, expected) => {
    expect(handshakeStatus(method, lines)).toBe(expected);
  });
});

import { describe, expect, test } from "bun:test";
import { type ResponseContext, writeResponseHead } from "../../../core/http/forward-response.ts";
import { response } from "./support.ts";

const CONTEXT: ResponseContext = {
  minor: 1,
  keepAlive: true,
  framing: "length",
  contentLength: 5,
  upgrade: false,
  viaName: "",
  date: "",
  extra: [],
};

function forward(text: string, changes: Partial<ResponseContext> = {}, method = "GET"): string {
  const head = response(text, method);
  if (head === null) throw new Error("the response is faulty");
  const out = Buffer.alloc(8192, 0x2e);
  return out.toString("latin1", 5, writeResponseHead(head, { ...CONTEXT, ...changes }, out, 5));
}

const OK = "HTTP/1.1 200 OK\r\n";

describe("response head", () => {
  test("C-28, C-66, C-68: fields pass byte for byte and in order", () => {
    const lines = "Set-Cookie: a=1\r\nServer:nginx\r\nSet-Cookie: b=\xe9 \r\nContent-Encoding: gzip\r\n";
    expect(forward(`${OK}${lines}Content-Length: 5\r\n\r\n`)).toBe(`${OK}${lines}Content-Length: 5\r\n\r\n`);
  });

  test("C-20 hop-by-hop fields stay here", () => {
    const hops =
      "Connection: X-B\r\nX-B: 1\r\nKeep-Alive: timeout=5\r\nTE: x\r\nTrailer: y\r\nUpgrade: h2c\r\n";
    expect(forward(`${OK}${hops}Proxy-Authenticate: Basic\r\nA: 1\r\nContent-Length: 5\r\n\r\n`)).toBe(
      `${OK}A: 1\r\nContent-Length: 5\r\n\r\n`,
    );
  });

  test("a backend cannot send the proxy's error code", () => {
    expect(forward(`${OK}x-opsen-error: no_backend\r\nContent-Length: 5\r\n\r\n`)).not.toContain(
      "no_backend",
    );
  });

  test.each([
    ["chunked", { framing: "chunked", contentLength: -1 }, "Transfer-Encoding: chunked\r\n"],
    ["close", { framing: "close", contentLength: -1 }, "Connection: close\r\n"],
    ["length, then close", { keepAlive: false }, "Content-Length: 5\r\nConnection: close\r\n"],
    ["HTTP/1.0 keep-alive", { minor: 0 }, "Content-Length: 5\r\nConnection: keep-alive\r\n"],
    ["HTTP/1.0 close", { minor: 0, keepAlive: false }, "Content-Length: 5\r\nConnection: close\r\n"],
    ["empty", { framing: "none", contentLength: 0 }, "Content-Length: 0\r\n"],
    ["HEAD without a length", { framing: "none", contentLength: -1 }, ""],
  ] as const)("framing: %s", (_about, changes, lines) => {
    expect(forward(`${OK}\r\n`, changes)).toBe(`${OK}${lines}\r\n`);
  });

  test("C-41 no length on 204 and 1xx; 304 and HEAD keep theirs", () => {
    const none = { framing: "none" } as const;
    expect(forward("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", none)).toBe("HTTP/1.1 204 No\r\n\r\n");
    expect(forward("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", none)).toContain(
      "Content-Length: 5\r\n",
    );
    expect(forward(`${OK}Content-Length: 5\r\n\r\n`, none, "HEAD")).toContain("Content-Length: 5\r\n");
  });

  test("C-60 informational responses pass with nothing of the connection", () => {
    const changes = { framing: "none", keepAlive: false, date: "now", contentLength: -1 } as const;
    expect(forward("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", changes)).toBe(
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    );
  });

  test("W-01 a 101 opens the tunnel", () => {
    const text =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x";
    expect(forward(`${text}\r\n\r\n`, { framing: "none", contentLength: -1, upgrade: true, date: "" })).toBe(
      "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    );
  });

  test("C-68 Date is added only when absent; Via and others as the caller wants", () => {
    expect(forward(`${OK}\r\n`, { date: "D" })).toContain("\r\nDate: D\r\n");
    expect(forward(`${OK}date: theirs\r\n\r\n`, { date: "D" })).not.toContain("Date: D");
    const sent = forward(`${OK}\r\n`, {
      viaName: "v",
      extra: [
        ["X-A", "1"],
        ["X-B", "a\r\nb"],
      ],
    });
    expect(sent).toContain("\r\nVia: 1.1 v\r\nX-A: 1\r\n");
    expect(sent).not.toContain("X-B");
  });

  test("a status line without a phrase", () => {
    expect(forward("HTTP/1.1 200\r\n\r\n")).toStartWith("HTTP/1.1 200 \r\n");
    expect(forward("HTTP/1.0 404 caf\xe9\r\n\r\n")).toStartWith("HTTP/1.1 404 caf\xe9\r\n");
  });

  test("an output that is too small is refused", () => {
    const head = response(`${OK}Content-Length: 5\r\n\r\n`);
    expect(head === null ? 0 : writeResponseHead(head, CONTEXT, Buffer.alloc(20), 0)).toBe(-1);
  });
});

/** Obligations C-60 to C-79 that are data, and C-58, C-59: 1xx, Expect, early ends, pipelining, trailers, Upgrade. */
import { gzipSync } from "node:zlib";
import type { ObligationTable } from "../obligation.ts";

const get = (path: string, ...lines: readonly string[]): string =>
  `GET ${path} HTTP/1.1\r\n${["Host: t", ...lines].map((line) => `${line}\r\n`).join("")}\r\n`;
const GET = get("/e");
const PLAIN = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
const ZIPPED = gzipSync("hello ".repeat(100)).toString("latin1");
const WITH_TRAILERS = "5\r\nhello\r\n0\r\nX-T: 1\r\nx-u: 2\r\n\r\n";
const trailed = (announced: boolean): string =>
  `HTTP/1.1 200 OK\r\n${announced ? "Trailer: X-T, X-U\r\n" : ""}Transfer-Encoding: chunked\r\n\r\n${WITH_TRAILERS}`;

export const EXCHANGE: readonly ObligationTable[] = [
  {
    config: {},
    rows: [
      {
        id: "C-58 close",
        about: "a backend that says Connection: close",
        send: GET,
        reply: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        closes: false,
        reused: false,
      },
      {
        id: "C-58 HTTP/1.0",
        about: "a backend that speaks HTTP/1.0",
        send: GET,
        reply: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        closes: false,
        reused: false,
      },
      ...Object.entries({
        NTLM: "NTLM",
        Negotiate: "Negotiate",
        token: "negotiate abc=",
        list: 'Basic realm="x", NTLM',
      }).map(([name, scheme]) => ({
        id: `C-59 ${name}`,
        about: "authentication of a connection: no other client may share it",
        send: GET,
        reply: `HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: ${scheme}\r\nContent-Length: 2\r\n\r\nno`,
        status: [401],
        reused: false,
      })),
      {
        id: "C-59 Basic",
        about: "authentication of a request: the connection is anyone's",
        send: GET,
        reply:
          'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 2\r\n\r\nno',
        status: [401],
        reused: true,
      },
      {
        id: "C-60",
        about: "interim responses pass in order",
        send: GET,
        reply: `${HINTS}${HINTS}${PLAIN}`,
        status: [103, 103, 200],
        client: { body: "ok" },
        reused: true,
      },
      {
        id: "C-60 HTTP/1.0",
        about: "an HTTP/1.0 client gets none",
        send: "GET /e HTTP/1.0\r\nHost: t\r\n\r\n",
        reply: `${HINTS}${HINTS}${PLAIN}`,
        status: [200],
        closes: true,
      },
      {
        id: "C-61",
        about: "an interim response, then the end",
        send: "POST /e HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n",
        reply: HINTS,
        backendEnds: "fin",
        status: [103, 502],
        reused: false,
      },
      {
        id: "C-64 404",
        about: "Expect refused for its tier",
        send: `POST /e?tier=none HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 40\r\n\r\n${get("/smug")}`,
        status: [[400, 404]],
        backend: [],
      },
      {
        id: "C-65 unknown",
        about: "an expectation nobody knows",
        send: "POST /e HTTP/1.1\r\nHost: t\r\nExpect: foo\r\nContent-Length: 2\r\n\r\nok",
        status: [417],
        backend: [],
      },
      {
        id: "C-65 HTTP/1.0",
        about: "an expectation of an HTTP/1.0 client",
        send: "POST /e HTTP/1.0\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
        status: [200],
        closes: true,
        backend: [{ body: "ok", lacks: ["expect"] }],
      },
      {
        id: "C-66",
        about: "a coded body passes untouched",
        send: get("/e", "Accept-Encoding: gzip;q=0.9, br"),
        reply: `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\nContent-Length: ${ZIPPED.length}\r\n\r\n${ZIPPED}`,
        backend: [{ order: [["Accept-Encoding", "gzip;q=0.9, br"]] }],
        client: {
          body: ZIPPED,
          has: { "content-encoding": "gzip", "content-length": String(ZIPPED.length) },
        },
      },
      {
        id: "C-66 none",
        about: "nobody asks for codings on a client's behalf",
        send: GET,
        backend: [{ lacks: ["accept-encoding"] }],
      },
      {
        id: "C-67 206",
        about: "ranges and conditions pass",
        send: get("/e", "Range: bytes=0-1,3-4", 'If-Range: "x"', 'If-None-Match: W/"y", "z"'),
        reply:
          "HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=B\r\nContent-Length: 5\r\n\r\n--B--",
        status: [206],
        backend: [
          {
            order: [
              ["Range", "bytes=0-1,3-4"],
              ["If-Range", '"x"'],
              ["If-None-Match", 'W/"y", "z"'],
            ],
          },
        ],
        client: { body: "--B--", has: { "content-type": "multipart/byteranges; boundary=B" } },
      },
      {
        id: "C-67 416",
        about: "416 passes",
        send: get("/e", "Range: bytes=9-"),
        reply: "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */2\r\nContent-Length: 0\r\n\r\n",
        status: [416],
        client: { has: { "content-range": "bytes */2" } },
      },
      {
        id: "C-68",
        about: "fields that a backend set stand once, as it set them",
        send: GET,
        reply: [
          "HTTP/1.1 200 OK",
          "Date: Thu, 01 Jan 1970 00:00:00 GMT",
          "Server: theirs",
          "X-Frame-Options: SAMEORIGIN",
          "Strict-Transport-Security: max-age=1",
          "X-Content-Type-Options: nosniff",
          "Content-Length: 2\r\n\r\nok",
        ].join("\r\n"),
        client: {
          has: {
            date: "Thu, 01 Jan 1970 00:00:00 GMT",
            server: "theirs",
            "x-frame-options": "SAMEORIGIN",
            "strict-transport-security": "max-age=1",
            "x-content-type-options": "nosniff",
          },
        },
      },
      {
        id: "C-68 Date",
        about: "Date is added where there is none",
        send: GET,
        client: { has: { date: /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/ }, lacks: ["x-frame-options"] },
      },
      { id: "C-70", about: "a client that has half-closed gets its answer", send: GET, halfClose: true },
      {
        id: "C-72",
        about: "ten requests in one segment",
        send: Array.from({ length: 10 }, (_, at) => get(`/p${at}`)).join(""),
        status: Array.from({ length: 10 }, () => 200),
        backend: Array.from({ length: 10 }, (_, at) => ({ line: `GET /p${at} HTTP/1.1` })),
      },
      {
        id: "C-73",
        about: "good, bad, good",
        send: `${get("/p1")}GET /p2 HTTP/1.1\r\nHost : t\r\n\r\n${get("/p3")}`,
        status: [200, 400],
        closes: true,
        backend: [{ line: "GET /p1 HTTP/1.1" }],
      },
      {
        id: "C-74",
        about: "nothing counts after Connection: close",
        send: `${get("/p1", "Connection: close")}${get("/p2")}`,
        closes: true,
        backend: [{ line: "GET /p1 HTTP/1.1" }],
      },
      ...[true, false].flatMap((announced) => [
        {
          id: `C-76 ${announced ? "announced" : "unannounced"} wanted`,
          about: "trailers for a client that takes them",
          send: get("/e", "TE: trailers", "Connection: TE"),
          reply: trailed(announced),
          client: {
            body: "hello",
            lacks: ["x-t", "x-u"],
            trailers: [
              ["X-T", "1"],
              ["x-u", "2"],
            ] as const,
          },
          reused: true,
        },
        {
          id: `C-76 ${announced ? "announced" : "unannounced"} unwanted`,
          about: "trailers for a client that did not ask",
          send: GET,
          reply: trailed(announced),
          client: { body: "hello", lacks: ["x-t", "x-u"], trailers: [] },
        },
      ]),
      {
        id: "C-77",
        about: "trailers of a request mean nothing",
        send: "POST /e HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nContent-Length: 9\r\nHost: evil\r\nAuthorization: x\r\nX-Tier: none\r\n\r\n",
        backend: [{ body: "ok", lacks: ["authorization", "content-length"], without: "evil" }],
      },
      {
        id: "C-78",
        about: "101 that nobody asked for",
        send: GET,
        reply: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw",
        status: [502],
        reused: false,
      },
      {
        id: "C-78 other",
        about: "101 to another protocol",
        send: get(
          "/e",
          "Connection: Upgrade",
          "Upgrade: websocket",
          "Sec-WebSocket-Version: 13",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        reply: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\nraw",
        status: [502],
        reused: false,
      },
      { id: "C-79", about: "Connection: close", send: get("/e", "Connection: close"), closes: true },
    ],
  },

  {
    config: { server_key: "the-key" },
    rows: [
      {
        id: "C-64 401",
        about: "Expect refused for want of a key",
        send: `POST /stats HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n${get("/smug")}`,
        status: [401],
        backend: [],
      },
    ],
  },
];

/** Obligations C-16 to C-30: hop-by-hop and forwarding fields, order and octets of the others. */
import type { ObligationTable } from "../obligation.ts";

const get = (...lines: readonly string[]): string =>
  `GET /h HTTP/1.1\r\n${["Host: t", ...lines].map((line) => `${line}\r\n`).join("")}\r\n`;
const reply = (...lines: readonly string[]): string =>
  `HTTP/1.1 200 OK\r\n${[...lines, "Content-Length: 2"].map((line) => `${line}\r\n`).join("")}\r\nok`;

const ME = { "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-host": "t" };

export const HEADERS: readonly ObligationTable[] = [
  {
    config: {},
    rows: [
      {
        id: "C-16",
        about: "Connection names a field",
        send: get("Connection: X-A, close", "X-A: 1", "X-B: 2"),
        closes: true,
        backend: [{ lacks: ["x-a", "connection"], has: { "x-b": "2" } }],
      },
      {
        id: "C-17",
        about: "three Connection lines, the first empty",
        send: get(
          "Connection:",
          "Connection: X-A,, x-b ,",
          "Connection: keep-alive,X-C",
          "X-A: 1",
          "x-B: 2",
          "X-C: 3",
        ),
        backend: [{ lacks: ["x-a", "x-b", "x-c", "connection"] }],
      },
      {
        id: "C-18",
        about: "hop-by-hop fields that Connection does not name",
        send: get(
          "Keep-Alive: timeout=5",
          "Proxy-Connection: keep-alive",
          "Proxy-Authorization: Basic eDp5",
          "TE: gzip",
          "Trailer: X-T",
          "Upgrade: foo",
        ),
        backend: [
          {
            lacks: [
              "keep-alive",
              "proxy-connection",
              "proxy-authorization",
              "te",
              "trailer",
              "upgrade",
              "connection",
            ],
          },
        ],
      },
      {
        id: "C-18 coding",
        about: "Transfer-Encoding is the proxy's own",
        send: "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        backend: [{ body: "ab", without: "Chunked" }],
      },
      {
        id: "C-19",
        about: "TE: trailers is all that passes of TE",
        send: get("TE: trailers, gzip;q=0.5", "Connection: TE"),
        backend: [{ has: { te: "trailers", connection: /^(?:close, )?TE$/ }, without: "gzip" }],
      },
      {
        id: "C-20",
        about: "hop-by-hop fields of a response",
        send: get(),
        reply: reply(
          "Connection: X-B",
          "X-B: 1",
          "Keep-Alive: timeout=5",
          "Proxy-Connection: keep-alive",
          "Proxy-Authenticate: Basic",
          "Trailer: X-T",
          "TE: trailers",
          "Upgrade: h2c",
          "X-C: 1",
        ),
        client: {
          lacks: ["x-b", "keep-alive", "proxy-connection", "te", "upgrade"],
          has: { "x-c": "1" },
          body: "ok",
        },
      },
      {
        id: "C-21",
        about: "Connection cannot strip what the proxy adds",
        send: get(
          "Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, Via, X-Real-IP, X-Request-ID, X-LB-Client-ID",
        ),
        backend: [{ has: { ...ME, via: /^1\.1 \S+$/, "x-request-id": /./, "x-lb-client-id": /^raw-/ } }],
      },
      {
        id: "C-21 Host",
        about: "Connection cannot strip Host",
        send: get("Connection: Host"),
        status: [[200, 400]],
      },
      { id: "C-22", about: "Via", send: get(), backend: [{ has: { via: /^1\.1 \S+$/ } }] },
      {
        id: "C-22 after",
        about: "Via behind another",
        send: get("Via: 1.0 fred"),
        backend: [{ has: { via: ["1.0 fred", /^1\.1 \S+$/] } }],
      },
      {
        id: "C-22 version",
        about: "Via says how the request came",
        send: "GET / HTTP/1.0\r\nHost: t\r\n\r\n",
        backend: [{ has: { via: /^1\.0 \S+$/ } }],
      },
      {
        id: "C-23",
        about: "our own name in Via is a loop",
        send: ({ via }) => get(`Via: 1.1 fred, 1.1 ${via}`, "Via: 1.1 other"),
        status: [[508, 400]],
        backend: [],
      },
      {
        id: "C-24",
        about: "an unknown field",
        send: get("X-Weird: a"),
        backend: [{ order: [["X-Weird", "a"]] }],
      },
      {
        id: "C-25",
        about: "what a stranger says about forwarding",
        send: get(
          "X-Forwarded-For: 192.0.2.1",
          "X-Forwarded-For: 192.0.2.2",
          "X-Forwarded-Host: lie.example",
          "X-Forwarded-Proto: lie",
          "X-Forwarded-Port: 1",
          "X-Real-IP: 192.0.2.3",
          "Forwarded: for=192.0.2.4",
          "X-LB-Client-ID: lie",
        ),
        backend: [
          {
            has: { ...ME, "x-real-ip": "127.0.0.1", "x-lb-client-id": /^raw-/ },
            lacks: ["forwarded", "x-forwarded-port"],
            without: "192.0.2.",
          },
        ],
      },
      {
        id: "C-25 underscores",
        about: "the same with underscores, which many backends read alike",
        send: get("X_Forwarded_For: 192.0.2.1", "X_Real_IP: 192.0.2.2"),
        backend: [{ has: ME, without: "192.0.2." }],
      },
      {
        id: "C-28",
        about: "repeated fields of a response, between others",
        send: get(),
        reply: reply(
          "Set-Cookie: a=1",
          'WWW-Authenticate: Basic realm="x"',
          "Link: </a>; rel=preload",
          "set-cookie: b=2; Path=/",
          "Link: </b>; rel=preload",
          'WWW-Authenticate: Digest realm="y"',
        ),
        client: {
          order: [
            ["Set-Cookie", "a=1"],
            ["WWW-Authenticate", 'Basic realm="x"'],
            ["Link", "</a>; rel=preload"],
            ["set-cookie", "b=2; Path=/"],
            ["Link", "</b>; rel=preload"],
            ["WWW-Authenticate", 'Digest realm="y"'],
          ],
        },
      },
      {
        id: "C-29",
        about: "repeated fields of a request",
        send: get("Cookie: a=1", "X-Foo: 1", "Cookie: b=2", "x-foo: 2", "X-Foo: 3, 4"),
        backend: [
          {
            order: [
              ["Cookie", "a=1"],
              ["X-Foo", "1"],
              ["Cookie", "b=2"],
              ["x-foo", "2"],
              ["X-Foo", "3, 4"],
            ],
          },
        ],
      },
      {
        id: "C-30",
        about: "octets above 0x7f in both directions",
        send: get("X-Obs: caf\u00e9 \u0080\u00ff"),
        reply: reply("X-Obs: \u00e9t\u00e9 \u00a0\u00ff\u00fe"),
        backend: [{ order: [["X-Obs", "caf\u00e9 \u0080\u00ff"]] }],
        client: { order: [["X-Obs", "\u00e9t\u00e9 \u00a0\u00ff\u00fe"]] },
      },
    ],
  },

  {
    config: { trusted_proxies: ["127.0.0.1"] },
    rows: [
      {
        id: "C-26",
        about: "a trusted peer's chain grows by the peer, in one line",
        send: get("X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example"),
        backend: [
          {
            has: {
              "x-forwarded-for": "192.0.2.1, 127.0.0.1",
              "x-forwarded-proto": "https",
              "x-forwarded-host": "shop.example",
            },
          },
        ],
      },
      {
        id: "C-26 lines",
        about: "several lines of a chain become one",
        send: get("X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2, 192.0.2.3"),
        backend: [{ has: { "x-forwarded-for": "192.0.2.1, 192.0.2.2, 192.0.2.3, 127.0.0.1" } }],
      },
    ],
  },

  {
    config: { host: "::1" },
    rows: [
      {
        id: "C-27",
        about: "an IPv6 client's address is bare in X-Forwarded-For",
        send: get(),
        backend: [{ has: { "x-forwarded-for": "::1", "x-real-ip": "::1" } }],
      },
    ],
  },
];

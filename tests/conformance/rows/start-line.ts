/** Obligations C-01 to C-15, and C-115: start line, version, target, Host, sizes. */
import type { ObligationTable } from "../obligation.ts";

const get = (target: string, rest = ""): string => `GET ${target} HTTP/1.1\r\nHost: t\r\n${rest}\r\n`;
const host = (lines: string): string => `GET / HTTP/1.1\r\n${lines}\r\n`;
const REFUSED = { status: [400], closes: true, backend: [] };

export const START_LINE: readonly ObligationTable[] = [
  {
    config: {},
    rows: [
      {
        id: "C-01",
        about: "an HTTP/1.0 client",
        send: "GET / HTTP/1.0\r\nHost: t\r\n\r\n",
        closes: true,
        backend: [{ line: "GET / HTTP/1.1" }],
      },
      {
        id: "C-02",
        about: "an HTTP/1.2 client",
        send: "GET / HTTP/1.2\r\nHost: t\r\n\r\n",
        closes: false,
        backend: [{ line: "GET / HTTP/1.1" }],
      },
      {
        id: "C-03",
        about: "HTTP/1.0 without Host",
        send: "GET / HTTP/1.0\r\n\r\n",
        closes: true,
        backend: [{ has: { host: /^127\.0\.0\.1:\d+$/ } }],
      },
      { id: "C-04 none", about: "no Host", send: host(""), ...REFUSED },
      { id: "C-04 two", about: "two Hosts", send: host("Host: t\r\nHost: u\r\n"), ...REFUSED },
      { id: "C-04 empty", about: "an empty Host", send: host("Host: \r\n"), ...REFUSED },
      ...["t u", "t/", "t:x", "a@t", "[::1", "t?x", "t\\u"].map((name) => ({
        id: `C-04 ${name}`,
        about: "an invalid Host",
        send: host(`Host: ${name}\r\n`),
        ...REFUSED,
      })),
      {
        id: "C-05",
        about: "an absolute target against another Host",
        send: "GET http://t/x?y HTTP/1.1\r\nHost: other\r\n\r\n",
        backend: [{ line: "GET /x?y HTTP/1.1", has: { "x-forwarded-host": "t" }, without: "other" }],
      },
      {
        id: "C-06",
        about: "an absolute target without a path",
        send: "GET http://t HTTP/1.1\r\nHost: t\r\n\r\n",
        backend: [{ line: "GET / HTTP/1.1" }],
      },
      {
        id: "C-06 query",
        about: "an absolute target with a query alone",
        send: "GET http://t?q HTTP/1.1\r\nHost: t\r\n\r\n",
        backend: [{ line: "GET /?q HTTP/1.1" }],
      },
      {
        id: "C-07",
        about: "OPTIONS * asks the proxy itself",
        send: "OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n",
        status: [[200, 204]],
        backend: [],
      },
      ...["GET *", "GET admin", "GET t:80", "OPTIONS */x", "POST *", "GET ftp://t/"].map((line) => ({
        id: `C-08 ${line}`,
        about: "a target of no form",
        send: `${line} HTTP/1.1\r\nHost: t\r\n\r\n`,
        ...REFUSED,
      })),
      ...["CONNECT t:80", "TRACE /"].map((line) => ({
        id: `C-09 ${line}`,
        about: "never a tunnel or an echo",
        send: `${line} HTTP/1.1\r\nHost: t\r\n\r\n`,
        status: [[405, 501]],
        backend: [],
      })),
      {
        id: "C-10 0",
        about: "Max-Forwards ends here",
        send: "OPTIONS / HTTP/1.1\r\nHost: t\r\nMax-Forwards: 0\r\n\r\n",
        status: [[200, 204]],
        backend: [],
      },
      {
        id: "C-10 5",
        about: "Max-Forwards counts down",
        send: "OPTIONS / HTTP/1.1\r\nHost: t\r\nMax-Forwards: 5\r\n\r\n",
        backend: [{ has: { "max-forwards": "4" } }],
      },
      ...["FOO", "get", "PROPFIND", "M-SEARCH"].map((method) => ({
        id: `${method === "get" ? "C-12" : "C-11"} ${method}`,
        about: "a method that means nothing here",
        send: `${method} /m HTTP/1.1\r\nHost: t\r\n\r\n`,
        backend: [{ line: `${method} /m HTTP/1.1` }],
      })),
      {
        id: "C-13 8000",
        about: "a long target",
        send: get(`/${"a".repeat(7999)}`),
        backend: [{ line: `GET /${"a".repeat(7999)} HTTP/1.1` }],
      },
      {
        id: "C-13 100 KiB",
        about: "a target over the limit",
        send: get(`/${"a".repeat(102_400)}`),
        status: [414],
        closes: true,
        backend: [],
      },
      ...[
        { id: "C-14 head", lines: `X-A: ${"a".repeat(1000)}\r\n`.repeat(100) },
        { id: "C-14 line", lines: `X-A: ${"a".repeat(100_000)}\r\n` },
        { id: "C-14 name", lines: `${"A".repeat(100_000)}: a\r\n` },
        { id: "C-14 lines", lines: "a:\r\n".repeat(10_000) },
        { id: "C-14 endless", lines: "a".repeat(1_000_000) },
      ].map(({ id, lines }) => ({
        id,
        about: "a head over the limits",
        send: get("/", lines),
        status: [[431, 400]],
        closes: true,
        backend: [],
      })),
      {
        id: "C-115",
        about: "a field of HTTP/2's own",
        send: get("/", ":path: /x\r\n"),
        ...REFUSED,
      },
      {
        id: "C-15 before",
        about: "an empty line before a request",
        send: `\r\n${get("/")}`,
        backend: [{ line: "GET / HTTP/1.1" }],
      },
      {
        id: "C-15 after",
        about: "an empty line after a body",
        send: `POST /p HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello\r\n${get("/after")}`,
        status: [200, 200],
        backend: [{ line: "POST /p HTTP/1.1", body: "hello" }, { line: "GET /after HTTP/1.1" }],
      },
    ],
  },
];

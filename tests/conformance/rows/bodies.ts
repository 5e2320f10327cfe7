/** Obligations C-31 to C-48: bodies, framing, and answers that must not look complete. */
import type { Obligation, ObligationTable } from "../obligation.ts";

const GET = "GET /b HTTP/1.1\r\nHost: t\r\n\r\n";
const OLD_GET = "GET /b HTTP/1.0\r\nHost: t\r\n\r\n";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const HALF = `HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n${"x".repeat(50)}`;
const PLAIN = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** Responses that end too early, by how they end. */
const CUT: readonly (readonly [string, string])[] = [
  ["mid-chunk", `${CHUNKED}a\r\nhello`],
  ["size line", `${CHUNKED}5\r\nhello\r\n1`],
  ["after a chunk", `${CHUNKED}5\r\nhello\r\n`],
  ["before the final line", `${CHUNKED}5\r\nhello\r\n0\r\n`],
  ["in the trailers", `${CHUNKED}5\r\nhello\r\n0\r\nX-T: 1\r\n`],
];

const cutRows: readonly Obligation[] = (["fin", "reset"] as const).flatMap((backendEnds) => [
  ...CUT.map(
    ([where, octets]): Obligation => ({
      id: `C-31 ${where} ${backendEnds}`,
      about: "chunked and cut",
      send: GET,
      reply: octets,
      backendEnds,
      cut: "ended",
      reused: false,
    }),
  ),
  {
    id: `C-32 ${backendEnds}`,
    about: "half of its Content-Length",
    send: GET,
    reply: HALF,
    backendEnds,
    cut: "ended",
  },
  ...[...CUT, ["half of its length", HALF] as const].map(
    ([where, octets]): Obligation => ({
      id: `C-33 ${where} ${backendEnds}`,
      about: "cut towards an HTTP/1.0 client, who knows an end by RST alone",
      send: OLD_GET,
      reply: octets,
      backendEnds,
      cut: where === "half of its length" ? "ended" : "reset",
    }),
  ),
  {
    id: `C-36 ${backendEnds}`,
    about: "an error after the head adds nothing to the body",
    send: `${GET}${GET}`,
    reply: HALF,
    backendEnds,
    cut: "ended",
  },
]);

const REFUSED = { status: [502], reused: false };

const badHeads: readonly Obligation[] = Object.entries({
  "C-38 bad length": "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello",
  "C-38 negative length": "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
  "C-38 two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
  "C-38 length and chunked":
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "C-38 chunked twice":
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "C-38 unknown coding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: foo\r\n\r\nhello",
  "C-38 gzip, chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "C-38 HTTP/1.0 chunked": "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "C-39 folded line": "HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
  "C-39 NUL": "HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\nok",
  "C-39 CR": "HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 2\r\n\r\nok",
  "C-39 no colon": "HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 2\r\n\r\nok",
  "C-39 space before colon": "HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 2\r\n\r\nok",
  "C-39 status 99": "HTTP/1.1 99 Odd\r\nContent-Length: 2\r\n\r\nok",
  "C-39 status 600": "HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\nok",
  "C-39 status 2OO": "HTTP/1.1 2OO OK\r\nContent-Length: 2\r\n\r\nok",
  "C-39 status 1000": "HTTP/1.1 1000 OK\r\nContent-Length: 2\r\n\r\nok",
  "C-39 no status line": "Content-Length: 2\r\n\r\nok",
  "C-39 another protocol": "ICY 200 OK\r\nContent-Length: 2\r\n\r\nok",
  "C-39 a body alone": "hello, world\r\n\r\n",
  "C-39 1 MiB": `HTTP/1.1 200 OK\r\n${`X-A: ${"a".repeat(1017)}\r\n`.repeat(1024)}Content-Length: 2\r\n\r\nok`,
}).map(([id, reply]) => ({ id, about: "a response that breaks the rules", send: GET, reply, ...REFUSED }));

const post = (framing: string, body: string): string =>
  `POST /u HTTP/1.1\r\nHost: t\r\n${framing}\r\n\r\n${body}`;
const TE = "Transfer-Encoding: chunked";
const BIG = "0123456789abcdef".repeat(65_536 * 16);

const uploads: readonly Obligation[] = Object.entries({
  "C-42 chunks of one": { octets: `${"1\r\nx\r\n".repeat(500)}0\r\n\r\n`, body: "x".repeat(500) },
  "C-42 lower hex": { octets: `a\r\n0123456789\r\n0\r\n\r\n`, body: "0123456789" },
  "C-42 upper hex": { octets: `A\r\n0123456789\r\n0\r\n\r\n`, body: "0123456789" },
  "C-42 leading zeros": { octets: "0005\r\nhello\r\n000\r\n\r\n", body: "hello" },
  "C-42 16 MiB": { octets: `${BIG.length.toString(16)}\r\n${BIG}\r\n0\r\n\r\n`, body: BIG },
  "C-42 empty": { octets: "0\r\n\r\n", body: "" },
  "C-43 request": { octets: '5;a=b;c="d e"\r\nhello\r\n0;last\r\n\r\n', body: "hello" },
}).map(([id, { octets, body }]) => ({
  id,
  about: "a chunked upload",
  send: post(TE, octets),
  backend: [{ body, without: ";" }],
}));

export const BODIES: readonly ObligationTable[] = [
  {
    config: { proxy_max_request_body_bytes: 0 },
    rows: [
      ...cutRows,
      {
        id: "C-34",
        about: "a body that ends with the connection",
        send: GET,
        reply: "HTTP/1.1 200 OK\r\n\r\nuntil the end",
        backendEnds: "fin",
        client: { body: "until the end" },
      },
      {
        id: "C-34 HTTP/1.0",
        about: "the same towards an HTTP/1.0 client",
        send: OLD_GET,
        reply: "HTTP/1.1 200 OK\r\n\r\nuntil the end",
        backendEnds: "fin",
        closes: true,
        client: { body: "until the end", lacks: ["transfer-encoding"] },
      },
      {
        id: "C-35",
        about: "a body without framing that is cut by RST",
        send: GET,
        reply: "HTTP/1.1 200 OK\r\n\r\nuntil the e",
        backendEnds: "reset",
        cut: "ended",
      },
      {
        id: "C-35 HTTP/1.0",
        about: "the same towards an HTTP/1.0 client",
        send: OLD_GET,
        reply: "HTTP/1.1 200 OK\r\n\r\nuntil the e",
        backendEnds: "reset",
        cut: "reset",
      },
      {
        id: "C-37",
        about: "more octets than the Content-Length",
        send: GET,
        reply: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloworld",
        client: { body: "hello" },
        reused: false,
      },
      {
        id: "C-37 chunked",
        about: "octets behind the last chunk",
        send: GET,
        reply: `${CHUNKED}5\r\nhello\r\n0\r\n\r\nworld`,
        client: { body: "hello" },
        reused: false,
      },
      ...badHeads,
      {
        id: "C-40",
        about: "HEAD answered with a body",
        send: "HEAD /b HTTP/1.1\r\nHost: t\r\n\r\n",
        reply: PLAIN,
        client: { has: { "content-length": "2" } },
        reused: false,
      },
      {
        id: "C-41 204 length",
        about: "204 with a Content-Length",
        send: GET,
        reply: "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        status: [204],
        client: { lacks: ["content-length", "transfer-encoding"] },
      },
      {
        id: "C-41 204 body",
        about: "204 with a body",
        send: GET,
        reply: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
        status: [204],
        client: { lacks: ["content-length", "transfer-encoding"] },
        reused: false,
      },
      {
        id: "C-41 304 body",
        about: "304 with a body",
        send: GET,
        reply: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello",
        status: [304],
        reused: false,
      },
      {
        id: "C-41 304 length",
        about: "304 with the length of what it stands for",
        send: GET,
        reply: 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99\r\n\r\n',
        status: [304],
        client: { has: { etag: '"x"' } },
        reused: true,
      },
      {
        id: "C-41 205",
        about: "205 with an empty body",
        send: GET,
        reply: "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
        status: [205],
        client: { body: "" },
      },
      ...uploads,
      {
        id: "C-43 response",
        about: "extensions of a backend's chunks",
        send: GET,
        reply: `${CHUNKED}5;a=b;c="d e"\r\nhello\r\n0;last\r\n\r\n`,
        client: { body: "hello", without: ";" },
        reused: true,
      },
      ...["GET", "DELETE", "OPTIONS", "HEAD"].map((method) => ({
        id: `C-44 ${method}`,
        about: "a body with a method that has no use for it",
        send: `${method} /u HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello`,
        ...(method === "HEAD" && { reply: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" }),
        backend: [{ line: `${method} /u HTTP/1.1`, body: "hello" }],
      })),
      {
        id: "C-45 zero",
        about: "POST with Content-Length: 0",
        send: post("Content-Length: 0", ""),
        backend: [{ has: { "content-length": "0" } }],
      },
      {
        id: "C-45 none",
        about: "POST without framing",
        send: "POST /u HTTP/1.1\r\nHost: t\r\n\r\n",
        backend: [{ has: { "content-length": "0" }, lacks: ["transfer-encoding"] }],
      },
      {
        id: "C-48",
        about: "three responses to one request",
        send: GET,
        reply: `${PLAIN}${PLAIN.replace("ok", "no")}${PLAIN.replace("ok", "no")}`,
        client: { body: "ok" },
        reused: false,
      },
    ],
  },
];

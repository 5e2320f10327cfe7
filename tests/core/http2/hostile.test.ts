/** What a peer may not do (RFC 9113), frame by frame, and what it may do but not often. Rows C-116 to C-120 by name. */
import { describe, expect, test } from "bun:test";
import * as frame from "../../../core/http2/frame.ts";
import { encodeField, fieldBound } from "../../../core/http2/hpack/encoder.ts";
import { makeSide, type Side } from "./pair.ts";

type Field = readonly [name: string, value: string];

const GET: readonly Field[] = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/"],
  [":authority", "t"],
];
const POST: readonly Field[] = [[":method", "POST"], ...GET.slice(1)];

function block(fields: readonly Field[]): Buffer {
  const out = Buffer.alloc(
    fields.reduce((sum, [name, value]) => sum + fieldBound(name.length + value.length), 0),
  );
  let at = 0;
  for (const [name, value] of fields) {
    at = encodeField(Buffer.from(name, "latin1"), Buffer.from(value, "latin1"), false, out, at);
  }
  return out.subarray(0, at);
}

function rawFrame(type: number, flags: number, stream: number, payload: Buffer | string = ""): Buffer {
  const bytes = Buffer.from(payload);
  return frame.byteFrame(type, flags, stream, bytes, 0, bytes.length);
}

const headers = (stream: number, fields: readonly Field[], flags = frame.END_HEADERS | frame.END_STREAM) =>
  rawFrame(frame.HEADERS, flags, stream, block(fields));
const data = (stream: number, payload: string, flags = 0) => rawFrame(frame.DATA, flags, stream, payload);
const words = (type: number, stream: number, ...numbers: number[]) =>
  frame.wordFrame(type, 0, stream, numbers);
const SETTINGS = rawFrame(frame.SETTINGS, 0, 0);

/** A server that has its client's preface and settings. */
function newServer(): Side {
  const server = makeSide();
  server.session.receive(Buffer.concat([frame.PREFACE, SETTINGS]));
  return server;
}

/** What the server made of it: the code with which the connection ended, or those of streams that were reset. */
function verdict(server: Side): string {
  if (server.over !== null) return `connection ${server.over.code}`;
  const sent = Buffer.concat(server.out);
  const resets: string[] = [];
  for (let at = 0; at < sent.length; at += frame.FRAME_HEADER_BYTES + sent.readUIntBE(at, 3)) {
    if (sent[at + 3] === frame.RST_STREAM) resets.push(`stream ${sent.readUInt32BE(at + 9)}`);
  }
  return resets.join(", ") || "nothing";
}

const STREAM_ERROR = `stream ${frame.PROTOCOL_ERROR}`;
const CONNECTION_ERROR = `connection ${frame.PROTOCOL_ERROR}`;

describe("malformed messages are errors of their stream, and nothing of them is passed on", () => {
  const rows: readonly (readonly [string, readonly Field[]])[] = [
    ["C-116 CR in a value", [...GET, ["x", "a\rb"]]],
    ["C-116 LF in a value", [...GET, ["x", "a\nb"]]],
    ["C-116 NUL in a value", [...GET, ["x", "a\0b"]]],
    ["C-116 CR in a name", [...GET, ["x\r", "a"]]],
    ["C-116 a colon in a name", [...GET, ["x:y", "a"]]],
    ["C-116 a name in upper case", [...GET, ["X-Up", "a"]]],
    ["C-116 an empty name", [...GET, ["", "a"]]],
    ["C-116 a value that begins with a space", [...GET, ["x", " a"]]],
    ["C-116 a value that ends with a tab", [...GET, ["x", "a\t"]]],
    ["C-117 transfer-encoding", [...POST, ["transfer-encoding", "chunked"]]],
    ["C-117 connection", [...GET, ["connection", "close"]]],
    ["C-117 proxy-connection", [...GET, ["proxy-connection", "close"]]],
    ["C-117 keep-alive", [...GET, ["keep-alive", "timeout=5"]]],
    ["C-117 upgrade", [...GET, ["upgrade", "websocket"]]],
    ["C-117 te: gzip", [...GET, ["te", "gzip"]]],
    ["C-118 content-length without a body", [...POST, ["content-length", "5"]]],
    ["C-118 two content-lengths", [...POST, ["content-length", "0"], ["content-length", "5"]]],
    ["C-118 content-length that is no number", [...POST, ["content-length", "+5"]]],
    ["C-119 an empty path", [...GET.filter(([name]) => name !== ":path"), [":path", ""]]],
    ["C-119 a path that is absolute", [...GET.filter(([name]) => name !== ":path"), [":path", "http://t/"]]],
    ["C-119 a path with a space", [...GET.filter(([name]) => name !== ":path"), [":path", "/ HTTP/1.1"]]],
    ["C-119 a path with a fragment", [...GET.filter(([name]) => name !== ":path"), [":path", "/#x"]]],
    ["C-119 a method with a space", [...GET.slice(1), [":method", "GET /"]]],
    [
      "C-119 an unknown scheme",
      [
        [":method", "GET"],
        [":scheme", "ftp"],
        [":path", "/"],
        [":authority", "t"],
      ],
    ],
    [
      "C-119 an authority with a path",
      [...GET.filter(([name]) => name !== ":authority"), [":authority", "t/x"]],
    ],
    [
      "C-119 an authority with user info",
      [...GET.filter(([name]) => name !== ":authority"), [":authority", "a@t"]],
    ],
    ["C-119 a host that says something else", [...GET, ["host", "other"]]],
    ["no method", GET.slice(1)],
    ["no authority at all", GET.slice(0, 3)],
    ["a method given twice", [...GET, [":method", "GET"]]],
    ["a pseudo-field behind a field", [["x", "a"], ...GET]],
    ["a pseudo-field of a response", [...GET, [":status", "200"]]],
    ["a pseudo-field that nobody knows", [...GET, [":protocol", "websocket"]]],
  ];
  test.each(rows)("%s", (_name, fields) => {
    const server = newServer();
    server.session.receive(headers(1, fields));
    expect(verdict(server)).toBe(STREAM_ERROR);
    expect(server.streams.get(1)?.events ?? []).not.toContain("end");
    expect(server.malformed).toHaveLength(1);
    // The connection is as good as before.
    server.session.receive(headers(3, GET));
    expect(server.streams.get(3)?.events).toEqual(["head, end", "end"]);
  });

  test("C-119: the authority counts, and a host that says the same does no harm", () => {
    const server = newServer();
    server.session.receive(headers(1, [...GET, ["host", "T"]]));
    const head = server.heads.get(1);
    expect(head && "host" in head && head.host).toBe("t");
  });

  test("cookies come together again (section 8.2.3)", () => {
    const server = newServer();
    server.session.receive(headers(1, [...GET, ["cookie", "a=1"], ["x", "y"], ["cookie", "b=2"]]));
    expect(server.heads.get(1)?.get("cookie")).toBe("a=1; b=2");
  });

  const LENGTH: readonly Field[] = [...POST, ["content-length", "5"]];
  const bodies: readonly (readonly [string, readonly Buffer[]])[] = [
    ["C-118 more content than declared", [headers(1, LENGTH, frame.END_HEADERS), data(1, "123456")]],
    [
      "C-118 less content than declared",
      [headers(1, LENGTH, frame.END_HEADERS), data(1, "1234", frame.END_STREAM)],
    ],
    [
      "C-118 less content than declared, and trailers",
      [headers(1, LENGTH, frame.END_HEADERS), data(1, "1234"), headers(1, [["x", "y"]])],
    ],
    [
      "trailers that do not end the stream",
      [headers(1, POST, frame.END_HEADERS), headers(1, [["x", "y"]], frame.END_HEADERS)],
    ],
    ["a pseudo-field in trailers", [headers(1, POST, frame.END_HEADERS), headers(1, [[":path", "/"]])]],
    [
      "transfer-encoding in trailers",
      [headers(1, POST, frame.END_HEADERS), headers(1, [["transfer-encoding", "chunked"]])],
    ],
  ];
  test.each(bodies)("%s", (_name, frames) => {
    const server = newServer();
    server.session.receive(Buffer.concat(frames));
    expect(verdict(server)).toBe(STREAM_ERROR);
    expect(server.streams.get(1)?.events).not.toContain("end");
  });
});

describe("frames that end the connection", () => {
  const rows: readonly (readonly [string, string, readonly Buffer[]])[] = [
    ["DATA on no stream", CONNECTION_ERROR, [data(0, "x")]],
    ["DATA on a stream that nobody opened", CONNECTION_ERROR, [data(1, "x")]],
    ["HEADERS on no stream", CONNECTION_ERROR, [headers(0, GET)]],
    ["HEADERS on a stream that only we open", CONNECTION_ERROR, [headers(2, GET)]],
    ["a stream below an older one", CONNECTION_ERROR, [headers(5, GET), headers(3, GET)]],
    [
      "a header block that another frame interrupts",
      CONNECTION_ERROR,
      [headers(1, GET, 0), words(frame.PING, 0, 0, 0)],
    ],
    ["a header block that DATA interrupts", CONNECTION_ERROR, [headers(1, GET, 0), data(1, "x")]],
    ["CONTINUATION without a block", CONNECTION_ERROR, [rawFrame(frame.CONTINUATION, frame.END_HEADERS, 1)]],
    [
      "a block that is no HPACK",
      `connection ${frame.COMPRESSION_ERROR}`,
      [rawFrame(frame.HEADERS, 5, 1, Buffer.from([0xff, 0xff]))],
    ],
    [
      "a frame that is too large",
      `connection ${frame.FRAME_SIZE_ERROR}`,
      [Buffer.from([0, 0x40, 1, 0, 0, 0, 0, 0, 1])],
    ],
    [
      "padding longer than its frame",
      CONNECTION_ERROR,
      [headers(1, POST, frame.END_HEADERS), rawFrame(frame.DATA, frame.PADDED, 1, "\u0009x")],
    ],
    [
      "SETTINGS of a wrong size",
      `connection ${frame.FRAME_SIZE_ERROR}`,
      [rawFrame(frame.SETTINGS, 0, 0, "12345")],
    ],
    ["SETTINGS on a stream", CONNECTION_ERROR, [rawFrame(frame.SETTINGS, 0, 1)]],
    [
      "an answer to SETTINGS with content",
      `connection ${frame.FRAME_SIZE_ERROR}`,
      [rawFrame(frame.SETTINGS, frame.ACK, 0, "123456")],
    ],
    [
      "a push that is allowed with 2",
      CONNECTION_ERROR,
      [rawFrame(frame.SETTINGS, 0, 0, Buffer.from([0, 2, 0, 0, 0, 2]))],
    ],
    [
      "a window above its maximum",
      `connection ${frame.FLOW_CONTROL_ERROR}`,
      [rawFrame(frame.SETTINGS, 0, 0, Buffer.from([0, 4, 0x80, 0, 0, 0]))],
    ],
    ["WINDOW_UPDATE of nothing", CONNECTION_ERROR, [words(frame.WINDOW_UPDATE, 0, 0)]],
    [
      "the connection's window above its maximum",
      `connection ${frame.FLOW_CONTROL_ERROR}`,
      [words(frame.WINDOW_UPDATE, 0, 0x7fff_ffff)],
    ],
    ["PING of a wrong size", `connection ${frame.FRAME_SIZE_ERROR}`, [rawFrame(frame.PING, 0, 0, "1234567")]],
    ["RST_STREAM of a stream that nobody opened", CONNECTION_ERROR, [words(frame.RST_STREAM, 1, 8)]],
    ["GOAWAY on a stream", CONNECTION_ERROR, [words(frame.GOAWAY, 1, 0, 0)]],
    ["PUSH_PROMISE", CONNECTION_ERROR, [words(frame.PUSH_PROMISE, 1, 2)]],
    [
      "a stream that depends on itself",
      CONNECTION_ERROR,
      [
        rawFrame(
          frame.HEADERS,
          frame.WITH_PRIORITY | 5,
          1,
          Buffer.concat([Buffer.from([0, 0, 0, 1, 0]), block(GET)]),
        ),
      ],
    ],
    [
      "HEADERS behind the end of a message that was answered",
      `connection ${frame.STREAM_CLOSED}`,
      [headers(1, GET), words(frame.RST_STREAM, 1, 8), headers(1, GET)],
    ],
  ];
  test.each(rows)("%s", (_name, expected, frames) => {
    const server = newServer();
    server.session.receive(Buffer.concat(frames));
    expect(verdict(server)).toBe(expected);
  });

  test("a first frame that is not SETTINGS", () => {
    const server = makeSide();
    server.session.receive(Buffer.concat([frame.PREFACE, words(frame.PING, 0, 0, 0)]));
    expect(verdict(server)).toBe(CONNECTION_ERROR);
  });

  test("what is no HTTP/2 at all", () => {
    const server = makeSide();
    server.session.receive(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    expect(verdict(server)).toBe(CONNECTION_ERROR);
  });

  test("more content than the windows allow", () => {
    const server = newServer();
    const full = Buffer.alloc(frame.MAX_FRAME_BYTES);
    server.session.receive(headers(1, POST, frame.END_HEADERS));
    server.streams.get(1)?.stream?.pause();
    for (let sent = 0; sent <= 65_536; sent += full.length)
      server.session.receive(rawFrame(frame.DATA, 0, 1, full));
    expect(verdict(server)).toBe(`stream ${frame.FLOW_CONTROL_ERROR}`);
  });
});

describe("C-120: what is allowed, but not in floods", () => {
  const rows: readonly (readonly [string, (round: number) => Buffer])[] = [
    [
      "streams that are opened and reset (CVE-2023-44487)",
      (n) => Buffer.concat([headers(2 * n + 1, GET), words(frame.RST_STREAM, 2 * n + 1, 8)]),
    ],
    [
      "streams that we have to reset (CVE-2025-8671)",
      (n) =>
        Buffer.concat([
          headers(2 * n + 1, POST, frame.END_HEADERS),
          words(frame.WINDOW_UPDATE, 2 * n + 1, 0),
        ]),
    ],
    ["malformed requests", (n) => headers(2 * n + 1, [...GET, ["X", "y"]])],
    ["pings", () => words(frame.PING, 0, 0, 0)],
    ["settings", () => SETTINGS],
    ["priorities", () => rawFrame(frame.PRIORITY, 0, 1, Buffer.from([0, 0, 0, 3, 0]))],
    ["windows that grow by the octet", () => words(frame.WINDOW_UPDATE, 0, 1)],
    ["frames of no known type", () => rawFrame(0x77, 0, 0)],
  ];
  test.each(rows)("%s", (_name, make) => {
    const server = newServer();
    let rounds = 0;
    for (; rounds < 2000 && server.over === null; rounds++) server.session.receive(make(rounds));
    expect(server.over?.code).toBe(frame.ENHANCE_YOUR_CALM);
    expect(rounds).toBeGreaterThan(20);
  });

  test("empty DATA", () => {
    const server = newServer();
    server.session.receive(headers(1, POST, frame.END_HEADERS));
    for (let round = 0; round < 2000 && server.over === null; round++) server.session.receive(data(1, ""));
    expect(server.over?.code).toBe(frame.ENHANCE_YOUR_CALM);
  });

  test("CONTINUATION without end (CVE-2024-27316)", () => {
    const server = newServer();
    server.session.receive(headers(1, GET, 0));
    let rounds = 0;
    for (; rounds < 2000 && server.over === null; rounds++) {
      server.session.receive(rawFrame(frame.CONTINUATION, 0, 1, block([["x", "y".repeat(1000)]])));
    }
    expect(server.over?.code).toBe(frame.ENHANCE_YOUR_CALM);
    expect(rounds).toBeLessThan(100);
  });

  test("a block that unpacks to more than a head may have is answered, not stored", () => {
    const server = newServer();
    // Each of the fields is one octet on the wire and 4000 in the table.
    const large = rawFrame(
      frame.HEADERS,
      frame.END_STREAM,
      1,
      Buffer.concat([block(GET), Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 0x61)]),
    );
    const again = rawFrame(frame.CONTINUATION, frame.END_HEADERS, 1, Buffer.alloc(10_000, 0xbe));
    server.session.receive(Buffer.concat([large, again]));
    const head = server.heads.get(1);
    expect(head && "rejection" in head && head.rejection?.status).toBe(431);
  });

  test("an honest client may go on for ever: the budget is per time", () => {
    let nowMs = 0;
    const server = makeSide({ now: () => nowMs });
    server.session.receive(Buffer.concat([frame.PREFACE, SETTINGS]));
    for (let round = 0; round < 2000; round++, nowMs += 200) {
      server.session.receive(
        Buffer.concat([headers(2 * round + 1, GET), words(frame.RST_STREAM, 2 * round + 1, 8)]),
      );
    }
    expect(server.over).toBeNull();
  });
});

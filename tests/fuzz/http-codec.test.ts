/**
 * Hostile octets: mutated messages and noise. The parser may refuse anything; what it accepts must leave as a message
 * that an independent, literal reading of RFC 9112 takes apart in the same way.
 */
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { ChunkedReader } from "../../core/http/chunked.ts";
import { type ForwardContext, writeRequestHead } from "../../core/http/forward-request.ts";
import { writeResponseHead } from "../../core/http/forward-response.ts";
import { parseRequestHead, RequestHead } from "../../core/http/request-head.ts";
import { parseResponseHead, ResponseHead } from "../../core/http/response-head.ts";
import { anyRequest, anyResponse } from "../core/http/messages.ts";
import { cut, LIMITS, latin1, readChunked } from "../core/http/support.ts";

const CONTEXT: ForwardContext = {
  authority: "backend:9000",
  basePath: "/base",
  preserveHost: false,
  clientIp: "192.0.2.7",
  forwardedFor: "192.0.2.7",
  proto: "https",
  forwardedHost: "t",
  forwarded: "",
  clientSubject: "",
  passesCertificates: false,
  close: false,
  requestId: "id",
  viaName: "p",
  lbClientId: "b",
  lbHostname: "h",
  dropHeader: "x-api-key",
  upgrade: "",
  forwardExpect: true,
  extra: [],
};

const LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/;
const REQUEST_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64} (\*|\/[\x21\x22\x24-\x7e]*) HTTP\/1\.1$/;
const STATUS_LINE = /^HTTP\/1\.1 [1-5][0-9]{2} [\t\x20-\x7e\x80-\xff]*$/;

const MEANINGFUL = ["\r\n", "\r", "\n", "\0", ":", " ", "\t", ",", ";", "\x7f", "\x85", "\xa0", "\xff", "0"];
const LINES = [
  "Content-Length: 5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer_Encoding: chunked\r\n",
  "Connection: close, Content-Length, X\r\n",
  "Connection: X-Forwarded-For\r\n",
  "Host: other\r\n",
  "Upgrade: websocket\r\nConnection: Upgrade\r\n",
  " folded\r\n",
];

interface Mutation {
  readonly kind: "delete" | "replace" | "insert" | "line" | "double" | "truncate";
  readonly place: number;
  readonly text: string;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom("delete", "replace", "insert", "line", "double", "truncate"),
  place: fc.nat(100_000),
  text: fc.oneof(
    fc.constantFrom(...MEANINGFUL),
    fc.nat(255).map((octet) => String.fromCharCode(octet)),
  ),
});

const MUTATORS: Record<Mutation["kind"], (text: string, at: number, inserted: string) => string> = {
  delete: (text, at) => text.slice(0, at) + text.slice(at + 1),
  replace: (text, at, inserted) => text.slice(0, at) + inserted + text.slice(at + 1),
  insert: (text, at, inserted) => text.slice(0, at) + inserted + text.slice(at),
  line: (text, at) => {
    const lineStart = text.indexOf("\r\n", at) + 2;
    return text.slice(0, lineStart) + (LINES[at % LINES.length] ?? "") + text.slice(lineStart);
  },
  double: (text) => text + text,
  truncate: (text, at) => text.slice(0, at),
};

function mutate(text: string, change: Mutation): string {
  const at = text.length === 0 ? 0 : change.place % text.length;
  return MUTATORS[change.kind](text, at, change.text);
}

const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });
const noise = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes).toString("latin1"));

/** Lines of a head whose every line ends with CRLF, checked literally. */
function linesOf(sent: string): string[] {
  expect(sent.endsWith("\r\n\r\n")).toBe(true);
  const lines = sent.slice(0, -4).split("\r\n");
  for (const line of lines.slice(1)) expect(line).toMatch(LINE);
  return lines;
}

function named(lines: readonly string[], name: string): string[] {
  return lines.slice(1).filter((line) => line.slice(0, line.indexOf(":")).toLowerCase() === name);
}

function checkForwardedRequest(bytes: Buffer): void {
  const head = new RequestHead();
  const consumed = parseRequestHead(bytes, 0, bytes.length, LIMITS, head);
  if (consumed <= 0) {
    expect(consumed === 0 || head.rejection !== null).toBe(true);
    return;
  }
  const out = Buffer.alloc(32_768);
  const end = writeRequestHead(head, CONTEXT, out, 0);
  const lines = linesOf(out.toString("latin1", 0, end));
  expect(lines[0]).toMatch(REQUEST_LINE);
  expect(lines[0]?.split(" ")[0]).toBe(head.method);
  expect(named(lines, "host")).toEqual(["Host: backend:9000"]);
  expect(named(lines, "x-forwarded-for")).toEqual(["X-Forwarded-For: 192.0.2.7"]);
  const framing = [...named(lines, "content-length"), ...named(lines, "transfer-encoding")];
  expect(framing.length).toBeLessThanOrEqual(1);
  if (head.framing === "length") expect(framing).toEqual([`Content-Length: ${head.contentLength}`]);
  if (head.framing === "chunked") expect(framing).toEqual(["Transfer-Encoding: chunked"]);
  for (const name of ["upgrade", "keep-alive", "proxy-connection", "trailer"])
    expect(named(lines, name)).toEqual([]);
}

function checkForwardedResponse(bytes: Buffer): void {
  const head = new ResponseHead();
  const consumed = parseResponseHead(bytes, 0, bytes.length, LIMITS, "GET", head);
  if (consumed <= 0) {
    expect(consumed === 0 || head.fault !== "").toBe(true);
    return;
  }
  const { framing, contentLength } = head;
  const ctx = {
    minor: 1,
    keepAlive: true,
    framing,
    contentLength,
    upgrade: false,
    viaName: "",
    date: "",
    extra: [],
  } as const;
  const out = Buffer.alloc(32_768);
  const lines = linesOf(out.toString("latin1", 0, writeResponseHead(head, ctx, out, 0)));
  expect(lines[0]).toMatch(STATUS_LINE);
  const framed = [...named(lines, "content-length"), ...named(lines, "transfer-encoding")];
  expect(framed.length).toBeLessThanOrEqual(1);
  if (head.status < 200 || head.status === 204) expect(framed).toEqual([]);
}

describe("hostile octets", () => {
  test("C-101, C-102 mutated requests", () => {
    fc.assert(
      fc.property(anyRequest, mutations, (text, changes) =>
        checkForwardedRequest(latin1(changes.reduce(mutate, text))),
      ),
      { numRuns: 1500 },
    );
  });

  test("C-101, C-109 mutated responses", () => {
    fc.assert(
      fc.property(anyResponse, mutations, (text, changes) =>
        checkForwardedResponse(latin1(changes.reduce(mutate, text))),
      ),
      { numRuns: 1000 },
    );
  });

  test("C-101 noise", () => {
    fc.assert(
      fc.property(noise, (text) => {
        checkForwardedRequest(latin1(text));
        checkForwardedRequest(latin1(`GET / HTTP/1.1\r\nHost: t\r\n${text}\r\n\r\n`));
        checkForwardedResponse(latin1(`HTTP/1.1 200 OK\r\n${text}\r\n\r\n`));
      }),
      { numRuns: 500 },
    );
  });

  test("C-106 mutated chunked bodies read the same in any segments, and never beyond their end", () => {
    const bodies = fc.constantFrom(
      "5\r\nhello\r\na;x=y\r\n0123456789\r\n0\r\nX-A: 1\r\n\r\nnext",
      '3;a="q\\"";b\r\nabc\r\n000\r\n\r\nGET / HTTP/1.1\r\n',
      "1\r\na\r\n1\r\nb\r\n0\r\nContent-Length: 3\r\nX-B:\r\n\r\n",
    );
    fc.assert(
      fc.property(bodies, mutations, fc.array(fc.nat(120), { maxLength: 6 }), (text, changes, places) => {
        const bytes = latin1(changes.reduce(mutate, text));
        const whole = readChunked([bytes]);
        expect(readChunked(cut(bytes, places))).toEqual(whole);
        if (whole.state === "done") expect(bytes.toString("latin1").endsWith(whole.rest)).toBe(true);
      }),
      { numRuns: 1500 },
    );
  });

  test("noise as a chunked body", () => {
    fc.assert(
      fc.property(noise, (text) => {
        const reader = new ChunkedReader();
        const { state } = readChunked([latin1(text)], reader);
        expect(["reading", "done", "error"]).toContain(state);
        expect(reader.fault !== "").toBe(state === "error");
      }),
      { numRuns: 500 },
    );
  });
});

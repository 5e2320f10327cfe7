/** What must hold of any octets whatever. */
import { expect } from "bun:test";
import { type ForwardContext, writeRequestHead } from "../../core/http/forward-request.ts";
import { writeResponseHead } from "../../core/http/forward-response.ts";
import { parseRequestHead, RequestHead } from "../../core/http/request-head.ts";
import { parseResponseHead, ResponseHead } from "../../core/http/response-head.ts";
import { LIMITS } from "../core/http/support.ts";

export const CONTEXT: ForwardContext = {
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

/** Whatever the parser accepts leaves as a head that a literal reading of RFC 9112 takes apart in the same way. */
export function checkForwardedRequest(bytes: Buffer): void {
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

/** The same of a response. */
export function checkForwardedResponse(bytes: Buffer): void {
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

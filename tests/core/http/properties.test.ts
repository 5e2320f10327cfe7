/** Properties that hold for every message: segments do not matter, what is written reads back, time is linear. */
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type ForwardContext, writeRequestHead } from "../../../core/http/forward-request.ts";
import { writeResponseHead } from "../../../core/http/forward-response.ts";
import { RequestHead } from "../../../core/http/request-head.ts";
import { ResponseHead } from "../../../core/http/response-head.ts";
import rows from "../../conformance/fixtures/smuggling.json";
import { anyRequest, anyResponse } from "./messages.ts";
import { cut, feed, fields, LIMITS, latin1, parseRequest, parseResponse } from "./support.ts";

const CONTEXT: ForwardContext = {
  authority: "b:9000",
  basePath: "",
  preserveHost: false,
  clientIp: "192.0.2.7",
  forwardedFor: "192.0.2.7",
  proto: "http",
  forwardedHost: "",
  forwarded: "",
  clientSubject: "",
  passesCertificates: false,
  close: false,
  requestId: "",
  viaName: "p",
  lbClientId: "",
  lbHostname: "",
  dropHeader: "",
  upgrade: "",
  forwardExpect: true,
  extra: [],
};

/** Fields that the proxy writes itself. */
const OWN =
  /^(host|via|x-forwarded-.*|x-real-ip|connection|te|content-length|transfer-encoding|date|expect)$/i;

function facts(head: RequestHead, result: number): unknown {
  const { method, target, path, query, minor, host, framing, contentLength, keepAlive, rejection } = head;
  if (result < 0) return { result, rejection };
  const upgrade = [head.upgrade, head.expectContinue, head.teTrailers, head.maxForwards];
  return {
    result,
    lines: fields(head),
    line: [method, target, path, query, minor, host],
    meaning: [framing, contentLength, keepAlive, upgrade, rejection],
  };
}

function responseFacts(head: ResponseHead, result: number): unknown {
  const { status, reason, minor, framing, contentLength, keepAlive, upgrade, isEventStream, fault } = head;
  if (result < 0) return { result, fault };
  return {
    result,
    lines: fields(head),
    line: [status, reason, minor],
    meaning: [framing, contentLength, keepAlive, upgrade, isEventStream],
  };
}

function octets(bytes: Buffer): Buffer[] {
  return [...bytes].map((octet) => Buffer.from([octet]));
}

/** Fields that the proxy passes on. */
function others(message: RequestHead | ResponseHead): [string, string][] {
  return fields(message).filter(([name]) => !OWN.test(name));
}

function forward(bytes: Buffer): Buffer {
  const head = new RequestHead();
  parseRequest(bytes, 0, bytes.length, head);
  const out = Buffer.alloc(8192);
  return out.subarray(0, writeRequestHead(head, CONTEXT, out, 0));
}

function linesBut(bytes: Buffer, left: string): string[] {
  const lines = bytes.toString("latin1").split("\r\n");
  return lines.filter((line) => line !== left).toSorted();
}

describe("split invariance", () => {
  test("C-106 requests, in any segments, in moving buffers", () => {
    fc.assert(
      fc.property(anyRequest, fc.array(fc.nat(600), { maxLength: 8 }), (text, places) => {
        const bytes = latin1(text);
        const whole = new RequestHead();
        const parts = new RequestHead();
        const expected = facts(whole, feed([bytes], whole, parseRequest));
        expect(facts(parts, feed(cut(bytes, places), parts, parseRequest))).toEqual(expected);
      }),
      { numRuns: 400 },
    );
  });

  test("C-106 responses", () => {
    fc.assert(
      fc.property(anyResponse, fc.array(fc.nat(600), { maxLength: 8 }), (text, places) => {
        const bytes = latin1(text);
        const whole = new ResponseHead();
        const parts = new ResponseHead();
        const expected = responseFacts(whole, feed([bytes], whole, parseResponse));
        expect(responseFacts(parts, feed(cut(bytes, places), parts, parseResponse))).toEqual(expected);
      }),
      { numRuns: 400 },
    );
  });

  test("C-75 one octet at a time, refusals too", () => {
    for (const row of rows) {
      const bytes = latin1(row.raw.map((part) => (typeof part === "string" ? part : "")).join(""));
      const whole = new RequestHead();
      const parts = new RequestHead();
      const expected = facts(whole, feed([bytes], whole, parseRequest));
      expect(facts(parts, feed(octets(bytes), parts, parseRequest))).toEqual(expected);
    }
  });
});

describe("what is written reads back", () => {
  test("C-107 requests: method, target, framing and the other fields in their order", () => {
    fc.assert(
      fc.property(anyRequest, (text) => {
        const head = new RequestHead();
        expect(feed([latin1(text)], head, parseRequest)).toBeGreaterThan(0);
        const out = Buffer.alloc(8192);
        const sent = out.subarray(0, writeRequestHead(head, CONTEXT, out, 0));
        const again = new RequestHead();
        expect(parseRequest(sent, 0, sent.length, again)).toBe(sent.length);
        expect([again.method, again.path, again.query]).toEqual([head.method, head.path, head.query]);
        expect([again.framing, again.expectContinue]).toEqual([head.framing, head.expectContinue]);
        expect(Math.max(0, again.contentLength)).toBe(Math.max(0, head.contentLength));
        expect(others(again)).toEqual(others(head));
      }),
      { numRuns: 400 },
    );
  });

  test("C-108 a second proxy changes nothing but Via and the forwarding fields", () => {
    fc.assert(
      fc.property(anyRequest, (text) => {
        const once = forward(latin1(text));
        const twice = forward(once);
        expect(linesBut(twice, "Via: 1.1 p")).toEqual(linesBut(once, "Via: 1.1 p"));
      }),
      { numRuns: 200 },
    );
  });

  test("C-107 responses", () => {
    fc.assert(
      fc.property(anyResponse, (text) => {
        const head = new ResponseHead();
        expect(feed([latin1(text)], head, parseResponse)).toBeGreaterThan(0);
        const { framing, contentLength } = head;
        const keepAlive = framing !== "close";
        const out = Buffer.alloc(8192);
        const ctx = {
          minor: 1,
          keepAlive,
          framing,
          contentLength,
          upgrade: false,
          viaName: "",
          date: "",
          extra: [],
        } as const;
        const sent = out.subarray(0, writeResponseHead(head, ctx, out, 0));
        const again = new ResponseHead();
        expect(parseResponse(sent, 0, sent.length, again)).toBe(sent.length);
        expect([again.status, again.reason, again.framing]).toEqual([head.status, head.reason, head.framing]);
        expect(others(again)).toEqual(others(head));
      }),
      { numRuns: 400 },
    );
  });
});

describe("linear time, by counting octets", () => {
  test.each([
    ["a long value", `GET / HTTP/1.1\r\nHost: t\r\nX: ${"a".repeat(20_000)}\r\n\r\n`],
    ["whitespace", `GET / HTTP/1.1\r\nHost: t\r\nX:${" ".repeat(20_000)}\r\n\r\n`],
    ["a long name", `GET / HTTP/1.1\r\nHost: t\r\n${"a".repeat(20_000)}: x\r\n\r\n`],
    ["a long target", `GET /${"a".repeat(10_000)} HTTP/1.1\r\nHost: t\r\n\r\n`],
    ["many fields", `GET / HTTP/1.1\r\nHost: t\r\n${"A: b\r\n".repeat(90)}\r\n`],
  ])("%s: each octet is looked at once, however it arrives", (_about, text) => {
    const bytes = latin1(text);
    const whole = new RequestHead();
    expect(parseRequest(bytes, 0, bytes.length, whole)).toBe(bytes.length);
    expect(whole.scannedBytes).toBe(bytes.length);
    const trickled = new RequestHead();
    let result = 0;
    for (let end = 1; end <= bytes.length && result === 0; end++)
      result = parseRequest(bytes, 0, end, trickled);
    expect(result).toBe(bytes.length);
    expect(trickled.scannedBytes).toBe(bytes.length);
    expect(bytes.length).toBeLessThan(LIMITS.maxHeadBytes);
  });

  test("a response that trickles in", () => {
    const bytes = latin1(`HTTP/1.1 200 ${"r".repeat(5000)}\r\nX: ${"a".repeat(5000)}\r\n\r\n`);
    const head = new ResponseHead();
    let result = 0;
    for (let end = 1; end <= bytes.length && result === 0; end++) result = parseResponse(bytes, 0, end, head);
    expect([result, head.scannedBytes]).toEqual([bytes.length, bytes.length]);
  });
});

import { describe, expect, test } from "bun:test";
import { preferredCoding } from "../../../core/http/accept-encoding.ts";
import { codedTrailers, judgeCoding, mediaTypeTest } from "../../../core/http/content-coding.ts";
import { request, response } from "./support.ts";

const fits = mediaTypeTest(["text/*", "application/json", "application/*+json"]);
const rules = {
  fits,
  minBytes: 100,
  preferred: (value: string | null) => preferredCoding(value, ["gzip"] as const),
};

function judge(answer: string, asked = "Accept-Encoding: gzip\r\n", method = "GET") {
  const out = { coding: "" as "" | "gzip" | "br" | "zstd", etag: "x", varies: true };
  const head = response(`HTTP/1.1 ${answer}\r\n\r\n`, method);
  if (head === null) throw new Error("the response is faulty");
  judgeCoding(request(`${method} / HTTP/1.1\r\nHost: a\r\n${asked}\r\n`), head, rules, out);
  return [out.coding, out.etag, out.varies];
}

const TEXT = "200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100";
const LEFT_ALONE = ["", "", false];

describe("what is coded", () => {
  test.each([
    [TEXT, ["gzip", "", true]],
    [`${TEXT}\r\nETag: "a"`, ["gzip", 'W/"a"', true]],
    [`${TEXT}\r\nETag: W/"a"`, ["gzip", "", true]],
    [`${TEXT}\r\nVary: Origin`, ["gzip", "", true]],
    [`${TEXT}\r\nVary: Origin\r\nVary: x, accept-encoding`, ["gzip", "", false]],
    [`${TEXT}\r\nVary: *`, ["gzip", "", false]],
    ["404 No\r\nContent-Type: TEXT/HTML; charset=x\r\nTransfer-Encoding: chunked", ["gzip", "", true]],
    ["200 OK\r\nContent-Type: application/problem+json", ["gzip", "", true]],
  ])("%j", (answer, expected) => {
    expect(judge(answer)).toEqual(expected);
  });

  test("an answer to HEAD says what one to GET would", () => {
    expect(judge(`${TEXT}\r\nETag: "a"`, "Accept-Encoding: gzip\r\n", "HEAD")).toEqual([
      "gzip",
      'W/"a"',
      true,
    ]);
  });

  test("who accepts no coding is told that others may get one", () => {
    expect(judge(`${TEXT}\r\nETag: "a"`, "")).toEqual(["", "", true]);
  });
});

describe("what is left alone", () => {
  test.each([
    "204 No Content\r\nContent-Type: text/plain",
    "206 Part\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-99/200\r\nContent-Length: 100",
    `${TEXT}\r\nContent-Range: bytes 0-99/200`,
    `${TEXT}\r\nContent-Encoding: br`,
    `${TEXT}\r\nContent-Encoding: identity`,
    `${TEXT}\r\nCache-Control: max-age=1, No-Transform`,
    `${TEXT}\r\nContent-Digest: sha-256=:x:`,
    `${TEXT}\r\nRepr-Digest: sha-256=:x:`,
    `${TEXT}\r\nContent-MD5: x`,
    "200 OK\r\nContent-Type: text/plain\r\nContent-Length: 99",
    "200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0",
    "200 OK\r\nContent-Length: 100",
    "200 OK\r\nContent-Type: image/png\r\nContent-Length: 100",
    "200 OK\r\nContent-Type: text/event-stream",
    "200 OK\r\nContent-Type: application/grpc+json",
  ])("%j", (answer) => {
    expect(judge(answer)).toEqual(LEFT_ALONE);
  });

  test("a client may forbid it", () => {
    expect(judge(TEXT, "Accept-Encoding: gzip\r\nCache-Control: no-transform\r\n")).toEqual(LEFT_ALONE);
  });
});

describe("304", () => {
  const NOT_MODIFIED = '304 Not Modified\r\nETag: "a"';
  test.each([
    ['If-None-Match: W/"a"\r\n', ["", 'W/"a"', true]],
    ['If-None-Match: "b", W/"a"\r\n', ["", 'W/"a"', true]],
    ['If-None-Match: "a"\r\n', LEFT_ALONE],
    ["", LEFT_ALONE],
  ])("%j is answered with the validator that the client holds", (asked, expected) => {
    expect(judge(NOT_MODIFIED, asked)).toEqual(expected);
  });
});

test("an event stream is meant only by its full name, gRPC never by a pattern", () => {
  expect(["text/event-stream", "application/grpc+json"].map((type) => fits(type))).toEqual([false, false]);
  expect(mediaTypeTest(["Text/Event-Stream"])("text/event-stream")).toBe(true);
  expect(["text/", "application/json", "application/jsonx", "xtext/a"].map((type) => fits(type))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test("trailers that tell of other octets are left out", () => {
  const lines = 'X-A: 1\r\nETag: "a"\r\nContent-Digest: sha-256=:x:\r\nX-B: 2\r\n';
  expect(codedTrailers(Buffer.from(lines)).toString()).toBe("X-A: 1\r\nX-B: 2\r\n");
  expect(codedTrailers(Buffer.alloc(0)).length).toBe(0);
});

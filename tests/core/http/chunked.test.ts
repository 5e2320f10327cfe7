import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  CHUNK_END,
  CHUNK_HEADER_BYTES,
  ChunkedReader,
  chunkHeader,
  LAST_CHUNK,
  lastChunk,
} from "../../../core/http/chunked.ts";
import { cut, latin1, readChunked } from "./support.ts";

function read(text: string): ReturnType<typeof readChunked> {
  return readChunked([latin1(text)]);
}

/** A chunk of so many bytes with an extension of 100. */
function chunk(bytes: number): string {
  return `${bytes.toString(16)};${"a".repeat(100)}\r\n${"x".repeat(bytes)}\r\n`;
}

describe("chunked reader", () => {
  test.each([
    ["one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello"],
    ["upper and lower hex", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"],
    ["zeros for zero", "1\r\nx\r\n000\r\n\r\n", "x"],
    ["leading zeros", "00000001\r\nx\r\n0\r\n\r\n", "x"],
    ["nothing", "0\r\n\r\n", ""],
    ["extensions", '1;a\r\nx\r\n1;a=b;c="d\\"e;\xe9";f\r\ny\r\n0;z=1\r\n\r\n', "xy"],
  ])("%s", (_about, text, body) => {
    expect(read(`${text}next`)).toEqual({ state: "done", body, trailers: "", rest: "next" });
  });

  test("trailers that describe, route or authenticate are dropped, the others pass byte for byte", () => {
    const kept = "X-Checksum:  abc\t\r\nServer-Timing: t\xe9\r\n";
    const dropped =
      "Content-Length: 5\r\nHOST: e\r\nAuthorization: x\r\nX-Forwarded-For: 1\r\nContent_Length: 3\r\n";
    expect(read(`1\r\nx\r\n0\r\n${dropped}${kept}\r\nnext`)).toEqual({
      state: "done",
      body: "x",
      trailers: kept,
      rest: "next",
    });
  });

  test.each([
    ["trailer folded", "0\r\nX: a\r\n b\r\n\r\n"],
    ["trailer without colon", "0\r\nXa\r\n\r\n"],
    ["bare LF at the end", "0\r\nX: a\r\n\n"],
    ["bare LF for the empty line", "0\r\n\n"],
    ["CR CR", "0\r\n\r\r"],
    ["space in an extension", "1; a\r\nx"],
    ["empty value", "1;a=\r\nx"],
    ["empty name", "1;=a\r\nx"],
    ["bracket in a name", "1;bad[=x\r\nx"],
    ["text behind a quoted value", '1;a="b"c\r\nx'],
    ["CR in a quoted value", '1;a="b\rc"\r\nx'],
    ["17 digits", "00000000000000001\r\nx"],
    ["2^53", "20000000000000\r\nx"],
  ])("%s is an error", (_about, text) => {
    expect(read(text).state).toBe("error");
  });

  test("the largest size is 2^53-1", () => {
    expect(read("1fffffffffffff\r\nhello")).toMatchObject({ state: "reading", body: "hello" });
  });

  test("extensions are paid for by data", () => {
    expect(read(`${chunk(200).repeat(1000)}0\r\n\r\n`).state).toBe("done");
    expect(read(`${chunk(1).repeat(1000)}0\r\n\r\n`).state).toBe("error");
  });

  test("trailers are bounded in bytes and in number", () => {
    expect(read(`0\r\nX: ${"a".repeat(9000)}\r\n\r\n`).state).toBe("error");
    expect(read(`0\r\n${"X: a\r\n".repeat(64)}\r\n`).state).toBe("done");
    expect(read(`0\r\n${"X: a\r\n".repeat(65)}\r\n`).state).toBe("error");
  });

  test("counts the body and starts afresh after reset", () => {
    const reader = new ChunkedReader();
    expect(readChunked([latin1("3\r\nabc\r\n0\r\nX: 1\r\n\r\n")], reader).state).toBe("done");
    expect(reader.bodyBytes).toBe(3);
    reader.reset();
    expect(reader).toMatchObject({ state: "reading", bodyBytes: 0, fault: "" });
    expect(readChunked([latin1("1\r\nz\r\n0\r\n\r\n")], reader)).toMatchObject({
      state: "done",
      body: "z",
      trailers: "",
    });
    expect(readChunked([latin1("nonsense")], new ChunkedReader()).state).toBe("error");
  });

  test("the result does not depend on the segments", () => {
    const texts = [
      '5;a="b;c"\r\nhello\r\n00a\r\n0123456789\r\n0;z\r\nX-A: 1\r\nHost: x\r\nX-B:\r\n\r\nnext message',
      "5\r\nhello\r\n5 \r\nhello",
      "5\r\nhelloXX0\r\n\r\n",
      "1;a=[\r\nx\r\n0\r\n\r\n",
      "0\r\nX: a\rb\r\n\r\n",
    ];
    for (const text of texts) {
      const bytes = latin1(text);
      const whole = readChunked([bytes]);
      for (let place = 1; place < bytes.length; place++)
        expect(readChunked(cut(bytes, [place]))).toEqual(whole);
      expect(readChunked([...bytes].map((octet) => Buffer.from([octet])))).toEqual(whole);
    }
  });
});

describe("chunk writers", () => {
  test("header", () => {
    const out = Buffer.alloc(CHUNK_HEADER_BYTES + 1, 0x2e);
    for (const size of [1, 9, 15, 16, 255, 256, 65_536, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      expect(out.toString("latin1", 1, chunkHeader(size, out, 1))).toBe(`${size.toString(16)}\r\n`);
    }
  });

  test("what is written is read again, in any segments", () => {
    const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 });
    const trailers = fc.constantFrom("", "X-A: 1\r\n", "X-A: 1\r\nx-b:\r\n");
    fc.assert(
      fc.property(pieces, trailers, fc.array(fc.nat(3000)), (bodies, trailerText, places) => {
        const parts: Buffer[] = [];
        for (const body of bodies) {
          const header = Buffer.alloc(CHUNK_HEADER_BYTES);
          parts.push(header.subarray(0, chunkHeader(body.length, header, 0)), Buffer.from(body), CHUNK_END);
        }
        parts.push(lastChunk(latin1(trailerText)));
        expect(readChunked(cut(Buffer.concat(parts), places))).toEqual({
          state: "done",
          body: Buffer.concat(bodies).toString("latin1"),
          trailers: trailerText,
          rest: "",
        });
      }),
    );
    expect(lastChunk(Buffer.alloc(0))).toEqual(LAST_CHUNK);
  });
});

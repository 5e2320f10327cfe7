import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { ResponseHead } from "../../../../core/http/response-head.ts";
import { RequestBody } from "../../../../server/proxy/exchange/request-body.ts";
import { SendBuffer } from "../../../../server/proxy/net/send-buffer.ts";
import type { ByteSocket } from "../../../../server/proxy/net/socket.ts";
import { ResponseRelay } from "../../../../server/proxy/upstream/response-relay.ts";
import { takeMessage } from "../../../support/http-message.ts";

/** Where the bytes go: a stream that takes all, and copies what it must not keep. */
class Sink implements ByteSocket {
  owner = { onOpen() {}, onData() {}, onEnd() {}, onDrain() {}, onClose() {} };
  readonly peerAddress = "";
  readonly pendingBytes = 0;
  #pieces: Buffer[] = [];

  write(bytes: Buffer): void {
    this.#pieces.push(bytes);
  }

  writeScratch(scratch: Buffer, length: number): void {
    this.#pieces.push(Buffer.from(scratch.subarray(0, length)));
  }

  release(bytes: Buffer): void {
    // What was written is on its way; who uses the bytes once more gets these.
    this.#pieces = this.#pieces.map((piece) => Buffer.from(piece));
    bytes.fill(0xee);
  }

  take(): Buffer {
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [];
    return all;
  }

  pause(): void {}
  resume(): void {}
  finish(): void {}
  close(): void {}
  abort(): void {}
}

const content = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.uint8Array({ minLength: 1, maxLength: 64 }).map((seed) => Buffer.alloc(40_000, seed)),
);

/** Splits bytes at the given shares of their length. */
function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => Math.floor(cut * bytes.length)), bytes.length].toSorted(
    (a, b) => a - b,
  );
  return at.slice(1).map((end, index) => Buffer.from(bytes.subarray(at[index], end)));
}

function chunked(parts: readonly Uint8Array[]): Buffer {
  const chunks = parts
    .filter((part) => part.length > 0)
    .map((part) =>
      Buffer.concat([Buffer.from(`${part.length.toString(16)};e=1\r\n`), part, Buffer.from("\r\n")]),
    );
  return Buffer.concat([...chunks, Buffer.from("0\r\n\r\n")]);
}

/** What a reader of its own makes of a chunked body. */
function decoded(framed: Buffer): string {
  const head = Buffer.from("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  const message = takeMessage(Buffer.concat([head, framed]), { kind: "request", ended: true });
  if (message === null) throw new Error("the body has no end");
  expect(message.consumed).toBe(head.length + framed.length);
  return message.message.body.toString("latin1");
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

test("a chunked request body arrives the same however it is cut and whenever it is sent, and again after a rewind", () => {
  fc.assert(
    fc.property(fc.array(content, { maxLength: 6 }), cuts, fc.array(fc.boolean()), (parts, at, sends) => {
      const body = new RequestBody();
      const out = new SendBuffer(1024);
      const sink = new Sink();
      const whole = Buffer.concat(parts).toString("latin1");
      body.begin("chunked", -1, Number.POSITIVE_INFINITY);
      const behind = Buffer.from("GET /next");
      let rest = 0;
      split(Buffer.concat([chunked(parts), behind]), at).forEach((piece, index) => {
        rest += piece.length - body.take(piece, 0, piece.length);
        if (sends[index] !== true) return;
        body.send(out, sink);
        out.flush(sink);
      });
      expect({ complete: body.complete, fault: body.fault, rest }).toEqual({
        complete: true,
        fault: "none",
        rest: behind.length,
      });
      const isReplayable = body.replayable;
      body.send(out, sink);
      out.flush(sink);
      expect(decoded(sink.take())).toBe(whole);
      if (!isReplayable) return;
      body.rewind();
      body.send(out, sink);
      out.flush(sink);
      expect(decoded(sink.take())).toBe(whole);
    }),
  );
});

test("a chunked response arrives the same however it is cut, and ends only where the backend ended it", () => {
  fc.assert(
    fc.property(fc.array(content, { maxLength: 6 }), cuts, fc.nat(), (parts, at, lost) => {
      const response = new ResponseHead();
      response.framing = "chunked";
      const framed = chunked(parts);
      const missing = lost % (framed.length + 1);
      for (const kept of [framed, framed.subarray(0, framed.length - missing)]) {
        const relay = new ResponseRelay(ignore);
        const out = new SendBuffer(1024);
        const sink = new Sink();
        relay.begin(response, 1, false);
        for (const piece of split(Buffer.from(kept), at)) {
          relay.take(piece, 0, piece.length, out, sink);
          out.flush(sink);
        }
        relay.end(out, sink);
        out.flush(sink);
        const isWhole = kept.length === framed.length;
        expect({ done: relay.done, broken: relay.broken }).toEqual({ done: isWhole, broken: !isWhole });
        if (isWhole) expect(decoded(sink.take())).toBe(Buffer.concat(parts).toString("latin1"));
        else expect(() => decoded(sink.take())).toThrow();
      }
    }),
  );
});

test("the end of a response is told once, before the client can have it", () => {
  const body = Buffer.from("0123456789");
  const framings = [
    { framing: "length", contentLength: body.length, sent: body },
    { framing: "chunked", contentLength: -1, sent: chunked([body]) },
    { framing: "close", contentLength: -1, sent: body },
    { framing: "none", contentLength: -1, sent: Buffer.alloc(0) },
  ] as const;
  fc.assert(
    fc.property(fc.constantFrom(...framings), cuts, ({ framing, contentLength, sent }, at) => {
      const response = new ResponseHead();
      response.framing = framing;
      response.contentLength = contentLength;
      const sink = new Sink();
      const out = new SendBuffer(1024);
      const seenAtEnd: string[] = [];
      const relay = new ResponseRelay(() => seenAtEnd.push(sink.take().toString("latin1")));
      relay.begin(response, 1, false);
      for (const piece of split(Buffer.from(sent), at)) {
        relay.take(piece, 0, piece.length, out, sink);
        out.flush(sink);
      }
      relay.end(out, sink);
      out.flush(sink);
      expect(seenAtEnd.length).toBe(1);
      const after = sink.take().toString("latin1");
      const passed = `${seenAtEnd[0]}${after}`;
      if (relay.framing === "chunked") expect(decoded(Buffer.from(passed))).toBe(body.toString("latin1"));
      else expect(passed).toBe(sent.toString("latin1"));
      // The client cannot know the end before it has the last of these.
      if (framing !== "none") expect(after).not.toBe("");
    }),
  );
});

function ignore(): void {
  // Not what these tests look at.
}

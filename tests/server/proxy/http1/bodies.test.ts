import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { ResponseHead } from "../../../../core/http/response-head.ts";
import { RequestBody } from "../../../../server/proxy/exchange/request-body.ts";
import type { BodySink, UpstreamUser } from "../../../../server/proxy/exchange/sides.ts";
import { BodyReader } from "../../../../server/proxy/http1/body-reader.ts";
import { addBody, addEnd, type Framing } from "../../../../server/proxy/http1/message-body.ts";
import { ResponseReader } from "../../../../server/proxy/http1/response-reader.ts";
import { SendBuffer } from "../../../../server/proxy/net/send-buffer.ts";
import type { ByteSocket } from "../../../../server/proxy/net/socket.ts";
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

/** Frames bodies onto a socket as a connection does. */
class FramingSink implements BodySink {
  readonly pendingBytes = 0;
  framing: Framing;
  readonly #socket: ByteSocket;
  readonly #out = new SendBuffer(1024);

  constructor(framing: Framing, socket: ByteSocket) {
    this.framing = framing;
    this.#socket = socket;
  }

  body(bytes: Buffer, start: number, end: number): void {
    this.#out.to(this.#socket);
    addBody(this.#out, this.framing, bytes, start, end);
  }

  endBody(trailers: Buffer): void {
    this.#out.to(this.#socket);
    addEnd(this.#out, this.framing, trailers);
  }

  flush(): void {
    this.#out.flush();
  }

  release(bytes: Buffer): void {
    this.#socket.release(bytes);
  }
}

/** Passes a response on, and notes how it went. */
class Relay implements UpstreamUser {
  outcome: "reading" | "done" | "broken" | "lost" = "reading";
  /** What the client had when the end of the body was first known. */
  readonly seenAtEnd: string[] = [];
  readonly #reader: ResponseReader;
  readonly #sink: Sink;
  readonly #to: FramingSink;

  constructor(reader: ResponseReader, sink: Sink) {
    this.#reader = reader;
    this.#sink = sink;
    this.#to = new FramingSink("none", sink);
  }

  get framing(): Framing {
    return this.#to.framing;
  }

  onHead({ framing }: ResponseHead): void {
    this.#to.framing = framing === "close" ? "chunked" : framing;
  }

  onBody(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    if (isLast) this.#noteEnd();
    this.#to.body(bytes, start, end);
  }

  onEnd(trailers: Buffer): void {
    this.#noteEnd();
    this.#to.endBody(trailers);
    this.#to.flush();
    this.outcome = "done";
    this.#reader.stop();
  }

  onTurn(): void {
    this.#to.flush();
  }

  onConsumed(chunk: Buffer): void {
    this.#to.release(chunk);
  }

  onBroken(): void {
    this.#to.flush();
    this.outcome = "broken";
  }

  onLost(): void {
    this.outcome = "lost";
  }

  onFault(fault: string): void {
    throw new Error(fault);
  }

  onInterim(): void {}
  onUpstreamOpen(): void {}
  onUpstreamFailed(): void {}
  onUpstreamDrain(): void {}

  #noteEnd(): void {
    if (this.seenAtEnd.length === 0) this.seenAtEnd.push(this.#sink.take().toString("latin1"));
  }
}

const LIMITS = { maxHeadBytes: 4096, maxTargetBytes: 1024, maxHeaders: 32 };

/** Reads a response in pieces; its end is that of the connection. */
function relay(response: Buffer, at: readonly number[]): { readonly relay: Relay; readonly sink: Sink } {
  const reader = new ResponseReader(LIMITS);
  const sink = new Sink();
  const user = new Relay(reader, sink);
  reader.begin("GET");
  for (const piece of split(response, at)) {
    const { epoch } = reader;
    if (piece.length > 0) reader.push(piece, user);
    if (reader.epoch === epoch) user.onTurn();
  }
  reader.finish(user);
  return { relay: user, sink };
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
      const reader = new BodyReader();
      const body = new RequestBody(65_536);
      const sink = new Sink();
      const to = new FramingSink("chunked", sink);
      const send = (): void => {
        body.send(to);
        to.flush();
      };
      const whole = Buffer.concat(parts).toString("latin1");
      reader.begin("chunked", -1);
      body.begin(false, -1, Number.POSITIVE_INFINITY);
      const behind = Buffer.from("GET /next");
      let rest = 0;
      split(Buffer.concat([chunked(parts), behind]), at).forEach((piece, index) => {
        const read = reader.state === "reading" ? reader.read(piece, 0, piece.length) : 0;
        rest += piece.length - read;
        body.take(reader.bytes, reader.start, reader.end, reader.isJoined);
        reader.release();
        if (reader.state === "done") body.complete = true;
        if (sends[index] === true) send();
      });
      expect({ state: reader.state, fault: body.fault, rest }).toEqual({
        state: "done",
        fault: "none",
        rest: behind.length,
      });
      const isReplayable = body.replayable;
      send();
      expect(decoded(sink.take())).toBe(whole);
      if (!isReplayable) return;
      body.rewind();
      send();
      expect(decoded(sink.take())).toBe(whole);
    }),
  );
});

test("a chunked response arrives the same however it is cut, and ends only where the backend ended it", () => {
  fc.assert(
    fc.property(fc.array(content, { maxLength: 6 }), cuts, fc.nat(), (parts, at, lost) => {
      const head = Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      const framed = chunked(parts);
      const missing = lost % (framed.length + 1);
      for (const kept of [framed, framed.subarray(0, framed.length - missing)]) {
        const { relay: seen, sink } = relay(Buffer.concat([head, kept]), at);
        const isWhole = kept.length === framed.length;
        expect(seen.outcome).toBe(isWhole ? "done" : "broken");
        const passed = Buffer.concat([Buffer.from(seen.seenAtEnd.join(""), "latin1"), sink.take()]);
        if (isWhole) expect(decoded(passed)).toBe(Buffer.concat(parts).toString("latin1"));
        else expect(() => decoded(passed)).toThrow();
      }
    }),
  );
});

test("the end of a response is told before the client can have it", () => {
  const body = Buffer.from("0123456789");
  const framings = [
    { fields: "Content-Length: 10\r\n", sent: body },
    { fields: "Transfer-Encoding: chunked\r\n", sent: chunked([body]) },
    { fields: "", sent: body },
    { fields: "Content-Length: 0\r\n", sent: Buffer.alloc(0) },
  ] as const;
  fc.assert(
    fc.property(fc.constantFrom(...framings), cuts, ({ fields, sent }, at) => {
      const head = Buffer.from(`HTTP/1.1 200 OK\r\n${fields}\r\n`);
      const { relay: seen, sink } = relay(Buffer.concat([head, sent]), at);
      expect(seen.outcome).toBe("done");
      const after = sink.take().toString("latin1");
      const passed = `${seen.seenAtEnd[0]}${after}`;
      if (seen.framing === "chunked") expect(decoded(Buffer.from(passed))).toBe(body.toString("latin1"));
      else expect(passed).toBe(sent.toString("latin1"));
      // The client cannot know the end before it has the last of these.
      if (seen.framing !== "none") expect(after).not.toBe("");
    }),
  );
});

import { expect, test } from "bun:test";
import type { Attempts } from "../../../../server/proxy/net/connect-target.ts";
import { connectSocket } from "../../../../server/proxy/net/dial.ts";
import type { SocketOwner } from "../../../../server/proxy/net/socket.ts";
import { eventually } from "../../../support/eventually.ts";
import { RawBackend } from "../../../support/raw-backend.ts";

class Outcome implements SocketOwner {
  result = "";
  onOpen(): void {
    this.result = "open";
  }
  onData(): void {}
  onEnd(): void {}
  onDrain(): void {}
  onClose(clean: boolean): void {
    this.result = clean ? "closed" : "failed";
  }
}

test("attempts that hang after their end are bounded, and those that did not hang are forgotten", async () => {
  await using backend = await RawBackend.start();
  const attempts: Attempts = { forsaken: 0 };
  const target = {
    kind: "tcp",
    host: "127.0.0.1",
    port: backend.port,
    names: null,
    tls: null,
    admits: () => true,
  } as const;
  const outcomes = Array.from({ length: 64 }, () => new Outcome());
  for (const outcome of outcomes) {
    const socket = connectSocket(target, outcome, attempts);
    socket.abort();
    socket.abort();
  }
  expect(attempts.forsaken).toBe(64);
  const refused = new Outcome();
  connectSocket(target, refused, attempts);
  expect(refused.result).toBe("");
  await eventually("the attempt is refused", () => refused.result === "failed");
  await eventually("all others are over", () => outcomes.every((outcome) => outcome.result !== ""));
  expect(attempts.forsaken).toBe(0);
  const next = new Outcome();
  const socket = connectSocket(target, next, attempts);
  await eventually("it connects", () => next.result === "open");
  socket.abort();
  expect(attempts.forsaken).toBe(0);
});

test("released bytes are freed, but not before they are sent", async () => {
  const size = 32 * 1024 * 1024;
  const read = Promise.withResolvers<void>();
  const received = Promise.withResolvers<Buffer>();
  await using backend = await RawBackend.start({
    script: async (wire) => {
      wire.pause();
      await read.promise;
      wire.resume();
      received.resolve(await wire.readBytes(size + 2));
    },
  });
  const outcome = new Outcome();
  const target = {
    kind: "tcp",
    host: "127.0.0.1",
    port: backend.port,
    names: null,
    tls: null,
    admits: () => true,
  } as const;
  const socket = connectSocket(target, outcome, { forsaken: 0 });
  await eventually("it connects", () => outcome.result === "open");
  const first = Buffer.from("a!");
  const large = Buffer.alloc(size, 7);
  socket.write(first);
  socket.release(first);
  expect(first).toHaveLength(2);
  socket.write(large.subarray(0, size / 2));
  socket.write(large.subarray(size / 2));
  expect(socket.pendingBytes).toBeGreaterThan(0);
  socket.release(large);
  expect(large).toHaveLength(size);
  read.resolve();
  const got = await received.promise;
  expect(got.subarray(2).every((byte) => byte === 7)).toBe(true);
  expect(large).toHaveLength(0);
  socket.abort();
});

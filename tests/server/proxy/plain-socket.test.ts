import { expect, test } from "bun:test";
import { type Attempts, connectSocket } from "../../../server/proxy/plain-socket.ts";
import type { SocketOwner } from "../../../server/proxy/socket.ts";
import { eventually } from "../../support/eventually.ts";
import { RawBackend } from "../../support/raw-backend.ts";

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

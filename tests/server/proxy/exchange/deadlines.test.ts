import { describe, expect, test } from "bun:test";
import { Deadlines } from "../../../../server/proxy/exchange/deadlines.ts";

const moving = (bytes: number) => ({ bytes, waitsForClient: true });

describe("deadlines of an exchange", () => {
  test("nothing is on unless asked for, and then the wait at hand alone counts", () => {
    const deadlines = new Deadlines({ totalMs: 0, bytesPerSecond: 0 });
    deadlines.begin(0);
    expect(deadlines.isOn).toBe(false);
    expect(deadlines.wait(500, 100)).toBe(500);
    expect(deadlines.look(599, moving(0))).toEqual({ verdict: "wait", againMs: 1 });
    expect(deadlines.look(600, moving(0)).verdict).toBe("due");
  });

  test("the total ends every wait", () => {
    const deadlines = new Deadlines({ totalMs: 1000, bytesPerSecond: 0 });
    deadlines.begin(0);
    expect([deadlines.wait(300, 0), deadlines.wait(300, 900)]).toEqual([300, 100]);
    expect(deadlines.look(1000, moving(1e9)).verdict).toBe("total");
  });

  test("a client is slow when a whole window brought less than it should have", () => {
    const deadlines = new Deadlines({ totalMs: 0, bytesPerSecond: 100 });
    deadlines.begin(0);
    expect(deadlines.wait(60_000, 0)).toBe(10_000);
    // The first window ends: from here on it is known that the client is waited for.
    expect(deadlines.look(10_000, moving(10)).verdict).toBe("wait");
    expect(deadlines.look(20_000, moving(1010)).verdict).toBe("wait");
    expect(deadlines.look(30_000, moving(2009)).verdict).toBe("slow");
  });

  test("who is not waited for is not slow", () => {
    const deadlines = new Deadlines({ totalMs: 0, bytesPerSecond: 100 });
    deadlines.begin(0);
    deadlines.wait(60_000, 0);
    for (const nowMs of [10_000, 20_000, 30_000]) {
      expect(deadlines.look(nowMs, { bytes: 0, waitsForClient: nowMs === 20_000 }).verdict).toBe("wait");
    }
  });
});

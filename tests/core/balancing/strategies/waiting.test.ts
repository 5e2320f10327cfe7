/** What strategies that go by latency make of backends that do not answer, or of which nothing is known. */
import { describe, expect, test } from "bun:test";
import { Pick } from "../../../../core/balancing/pick.ts";
import { addMember, counts, FleetUnderTest } from "./fleet.ts";

const ANSWER_MS = 20;
const EVERY_MS = 10;

class Served extends FleetUnderTest {
  #open: { readonly pick: Pick; readonly sinceMs: number }[] = [];

  /** Sends a request every 10 ms; all but `hung` answer each after 20 ms. Rows by pick. */
  serve(count: number, hung: number): number[] {
    const rows = Array.from({ length: count }, () => {
      this.#pass();
      const pick = this.take();
      if (pick.row !== hung) this.#open.push({ pick, sinceMs: this.nowMs });
      return pick.row;
    });
    while (this.#open.length > 0) this.#pass();
    return rows;
  }

  #pass(): void {
    this.nowMs += EVERY_MS;
    const due = this.#open.filter(({ sinceMs }) => sinceMs + ANSWER_MS <= this.nowMs);
    this.#open = this.#open.slice(due.length);
    for (const { pick } of due) {
      this.picker.latency(pick, ANSWER_MS, this.nowMs);
      this.picker.settle(pick, this.nowMs);
    }
  }

  feed(row: number, ms: number, failed = false): void {
    const pick = Object.assign(new Pick(), { row, generation: this.tables.backends.generation(row) });
    this.picker.latency(pick, ms, this.nowMs, failed);
  }
}

describe.each(["prequal", "least_time"] as const)("%s", (strategy) => {
  test.each([2, 4, 8])("leaves one alone that has stopped to answer, of %i", (size) => {
    const fleet = new Served({ strategy }, Array<number>(size).fill(1));
    fleet.serve(500, -1);
    expect(counts(fleet.serve(3000, 1), size)[1]).toBeLessThan(20);
  });

  test("does not send all to a new one before it has answered", () => {
    const fleet = new Served({ strategy }, [1, 1]);
    fleet.serve(500, -1);
    addMember(fleet.tables);
    expect(counts(fleet.serve(300, 2), 3)[2]).toBeLessThan(20);
  });

  test("takes one that has only failed, and fast, for no better than the slowest", () => {
    const fleet = new FleetUnderTest({ strategy }, [1, 1, 1]);
    const served = new Served({ strategy }, [1, 1, 1]);
    served.feed(0, 20);
    served.feed(1, 30);
    served.feed(2, 1, true);
    expect(counts(served.rows(50), 3)[2]).toBe(0);
    // Of which nothing better is known anywhere, each is as good as it was.
    expect(fleet.rows(1)).toHaveLength(1);
  });

  test("does not hold it against a backend that a request was taken away", () => {
    const fleet = new Served({ strategy }, [1, 1]);
    fleet.feed(0, 20);
    fleet.feed(1, 10);
    const taken = fleet.take();
    expect(taken.row).toBe(1);
    fleet.nowMs += 500;
    expect(fleet.take().row).toBe(0);
    fleet.picker.settle(taken, fleet.nowMs);
    expect(fleet.take().row).toBe(1);
  });

  test("does not take the time that a client needs for a body for the backend's", () => {
    const fleet = new Served({ strategy }, [1, 1]);
    fleet.feed(0, 50);
    fleet.feed(1, 10);
    const taken = fleet.take();
    expect(taken.row).toBe(1);
    fleet.picker.waitsForClient(taken);
    fleet.nowMs += 500;
    expect(fleet.take().row).toBe(1);
  });

  test("tries one that has been silent again, and again leaves it alone", () => {
    const fleet = new Served({ strategy, latencyDecayMs: 1000 }, [1, 1]);
    fleet.serve(500, -1);
    fleet.serve(200, 1);
    fleet.nowMs += 10_000;
    const [, again = 0] = counts(fleet.serve(200, 1), 2);
    expect(again).toBeGreaterThan(0);
    expect(again).toBeLessThan(20);
  });

  test("says of one that no request has met the figure by which it is compared", () => {
    const fleet = new Served({ strategy }, [1, 1]);
    fleet.feed(0, 20);
    const scores = fleet.picker.explain(fleet.query()).rows.map(({ score }) => score);
    expect(scores).toEqual([20, 20]);
  });
});

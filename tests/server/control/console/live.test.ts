import { expect, test } from "bun:test";
import type { Decision, LiveMessage } from "../../../../core/wire/console.ts";
import type { Figures } from "../../../../server/control/console/figures.ts";
import { Live, type Page, type PageData } from "../../../../server/control/console/live.ts";
import { LogTail } from "../../../../server/control/console/log-tail.ts";

/** Live news with a fleet that the test changes, and pages that keep what they were told. */
function world() {
  const fleet = new Map<string, unknown>();
  const sampled: number[] = [];
  const log = new LogTail();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of the figures only this is asked
  const figures = { since: () => [] } as unknown as Figures;
  const live = new Live({
    figures,
    log,
    fleet: () => [...fleet].map(([id, entry]) => ({ id, entry })),
    sample: (perSecond) => sampled.push(perSecond),
  });
  return { fleet, sampled, log, live };
}

class FakePage {
  readonly told: LiveMessage[] = [];
  readonly closed: number[] = [];
  unsent = 0;
  seesLog = true;
  readonly data: PageData;

  constructor(live: Live) {
    this.data = live.newPage({ isAllowed: () => true, seesLog: () => this.seesLog });
  }

  /** As the server sees it: the part of a socket that is used. */
  get socket(): Page {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part of a socket that is used
    return this as unknown as Page;
  }

  get last(): LiveMessage | undefined {
    return this.told.at(-1);
  }

  send(text: string): number {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is what Live has written
    this.told.push(JSON.parse(text) as LiveMessage);
    return text.length;
  }

  close(code: number): void {
    this.closed.push(code);
  }

  terminate(): void {
    this.closed.push(-1);
  }

  getBufferedAmount(): number {
    return this.unsent;
  }
}

function openPage(live: Live, topics: readonly string[]): FakePage {
  const page = new FakePage(live);
  live.open(page.socket);
  live.wish(page.socket, JSON.stringify({ watch: topics }));
  return page;
}

const DECISION: Decision = {
  at: 1,
  tier: "lite",
  client: "192.0.2.1",
  method: "GET",
  path: "/",
  backend: "a",
  strategy: "resource",
  score: 1,
  session: "none",
  queued_ms: 0,
  attempts: 1,
  status: 200,
  code: "",
  ms: 2,
};

test("a page is told of all backends first, then of what has changed alone", () => {
  const { fleet, live } = world();
  fleet.set("a", { id: "a", in_flight: 0 }).set("b", { id: "b", in_flight: 0 });
  const page = openPage(live, ["fleet"]);
  expect(page.last?.backends).toEqual({
    changed: [
      { id: "a", in_flight: 0 },
      { id: "b", in_flight: 0 },
    ],
    ids: ["a", "b"],
  });
  fleet.set("b", { id: "b", in_flight: 3 });
  live.wish(page.socket, '{"watch":["fleet"]}');
  expect(page.last?.backends).toEqual({ changed: [{ id: "b", in_flight: 3 }] });
  live.wish(page.socket, '{"watch":["fleet"]}');
  expect(page.last?.backends).toBeUndefined();
  fleet.delete("a");
  live.wish(page.socket, '{"watch":["fleet"]}');
  expect(page.last?.backends).toEqual({ changed: [], ids: ["b"] });
  // A page that comes later gets what there is, not what there was.
  expect(openPage(live, ["fleet"]).last?.backends?.ids).toEqual(["b"]);
  live.stop();
});

test("workers are asked for decisions only while somebody watches them", () => {
  const { sampled, live } = world();
  const idle = openPage(live, ["fleet"]);
  expect(sampled).toEqual([]);
  const page = openPage(live, ["decisions"]);
  const other = openPage(live, ["decisions", "log"]);
  expect(sampled).toEqual([10]);
  live.decided([DECISION]);
  live.wish(page.socket, '{"watch":["decisions"]}');
  expect(page.last?.decisions).toEqual([DECISION]);
  live.wish(idle.socket, '{"watch":["fleet"]}');
  expect(idle.last?.decisions).toBeUndefined();
  live.close(page.socket);
  expect(sampled).toEqual([10]);
  live.wish(other.socket, '{"watch":[]}');
  expect(sampled).toEqual([10, 0]);
  live.stop();
});

test("decisions and lines are bounded", () => {
  const { live, log } = world();
  const page = openPage(live, ["decisions", "log"]);
  for (let count = 0; count < 5_000; count++) {
    live.decided([{ ...DECISION, at: count }]);
    log.push(`line ${count}\n`);
  }
  live.wish(page.socket, '{"watch":["decisions","log"]}');
  expect(page.last?.decisions).toHaveLength(200);
  expect(page.last?.decisions?.at(-1)?.at).toBe(4_999);
  expect(page.last?.log).toHaveLength(500);
  live.stop();
});

test("a page that does not keep up is left out, and dropped in the end", () => {
  const { live } = world();
  const page = openPage(live, ["fleet"]);
  const told = page.told.length;
  page.unsent = 2 * 1024 * 1024;
  const wish = (): void => {
    // As in a second of its own.
    page.data.wishes = 0;
    live.wish(page.socket, '{"watch":["fleet"]}');
  };
  for (let count = 0; count < 29; count++) wish();
  expect(page.told).toHaveLength(told);
  expect(page.closed).toEqual([]);
  wish();
  expect(page.closed).toEqual([-1]);
  live.stop();
});

test("what is no wish closes the page, an unknown topic does not", () => {
  const { live } = world();
  for (const message of ["", "null", "[]", "{}", '{"watch":1}', `{"watch":["${"x".repeat(600)}"]}`]) {
    const page = new FakePage(live);
    live.open(page.socket);
    live.wish(page.socket, message);
    expect(page.closed).toEqual([1008]);
    live.close(page.socket);
  }
  expect(openPage(live, ["fleet", "weather"]).closed).toEqual([]);
  live.stop();
});

test("stopping lets go of every page", () => {
  const { live } = world();
  const page = openPage(live, ["fleet"]);
  live.stop();
  expect(page.closed).toEqual([1001]);
});

test("a page that wishes without end costs no more than the news of each second", () => {
  const { live } = world();
  const page = openPage(live, ["fleet"]);
  for (let count = 0; count < 1000; count++) live.wish(page.socket, '{"watch":["fleet","log"]}');
  expect(page.told.length).toBeLessThanOrEqual(5);
  live.stop();
});

test("the log is for those who may see it now, whatever a page wishes", () => {
  const { live, log } = world();
  const page = openPage(live, ["fleet"]);
  page.seesLog = false;
  log.push("who did what\n");
  live.wish(page.socket, '{"watch":["log"]}');
  expect(page.told.map((message) => message.log)).toEqual([undefined, undefined]);
  page.seesLog = true;
  live.wish(page.socket, '{"watch":["log"]}');
  expect(page.last?.log).toEqual(["who did what"]);
  live.stop();
});

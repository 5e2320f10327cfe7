/** The picture of `top`: its size, its order, and what it shows of each backend. */
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { bar } from "../../../../server/cli/top/bar.ts";
import { intentsOf } from "../../../../server/cli/top/keys.ts";
import {
  clampScroll,
  neighbour,
  type Order,
  type Row,
  rowsOf,
  SORT_KEYS,
  sorted,
} from "../../../../server/cli/top/model.ts";
import { type Picture, paint, rowsThatFit } from "../../../../server/cli/top/paint.ts";

const NAME: Order = { key: "name", isReversed: false };

function row(id: string, over: Partial<Row> = {}): Row {
  return {
    id,
    hostname: `host-${id}`,
    source: "agent",
    endpoints: [],
    status: "healthy",
    routable: true,
    reason: "",
    weight: 1,
    backup: "",
    tags: [],
    cpuPct: 10,
    memoryPct: 20,
    diskPct: 30,
    gpuPct: null,
    inFlight: 0,
    maxInFlight: null,
    connections: 0,
    leases: 0,
    latencyMs: 1,
    reportAgeSeconds: 1,
    requestsTotal: 0,
    errorsTotal: 0,
    rate: null,
    ...over,
  };
}

function fleet(count: number): Row[] {
  return Array.from({ length: count }, (_, index) =>
    row(`node-${String(index).padStart(3, "0")}`, { cpuPct: index % 100, inFlight: index, rate: index * 3 }),
  );
}

function picture(rows: readonly Row[], over: Partial<Picture> = {}): Picture {
  return {
    title: "opsen-server at http://127.0.0.1:8080",
    traffic: "12 requests/s, 0 errors/s",
    trouble: "",
    rows,
    order: NAME,
    first: 0,
    isPaused: false,
    intervalSeconds: 2,
    ...over,
  };
}

function plain(
  columns: number,
  lines: number | null,
  over: Partial<Picture> & { rows?: readonly Row[] } = {},
): string[] {
  return paint(picture(over.rows ?? fleet(3), over), { columns, lines, isColored: false, isAscii: false });
}

describe("size", () => {
  test("every line fits the terminal, whatever its size, and there are as many as it has", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 0, max: 600 }),
        fc.integer({ min: 0, max: 700 }),
        (columns, lines, count, first) => {
          const drawn = plain(columns, lines, { rows: fleet(count), first });
          expect(drawn).toHaveLength(lines);
          for (const line of drawn) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("colours change no width", () => {
    const screen = { columns: 100, lines: 30, isAscii: false };
    const rows = fleet(40);
    const colored = paint(picture(rows), { ...screen, isColored: true }).map((line) => Bun.stripANSI(line));
    expect(colored).toEqual(paint(picture(rows), { ...screen, isColored: false }));
  });

  test("80x24 shows all six figures of nineteen backends", () => {
    const lines = plain(80, 24, { rows: fleet(500) });
    expect(lines[3]).toMatch(/▼BACKEND +STATUS +CPU +MEM +GPU +FLIGHT +ms +REQ\/s/);
    expect(lines.filter((line) => line.startsWith("node-"))).toHaveLength(19);
    expect(rowsThatFit(24)).toBe(19);
    expect(lines[1]).toContain("500 backends: 500 healthy");
    expect(lines[23]).toContain("1-19 of 500");
  });

  test("plain characters alone when that is asked for", () => {
    const screen = { columns: 60, lines: 24, isColored: false, isAscii: true };
    for (const line of paint(picture(fleet(30)), screen)) expect(line).toMatch(/^[ -~]*$/);
  });
});

describe("what it shows", () => {
  test("the last page of a long list, however far one scrolls", () => {
    const lines = plain(80, 24, { rows: fleet(500), first: 10_000 });
    expect(lines[22]).toStartWith("node-499");
    expect(clampScroll(-5, 500, 19)).toBe(0);
    expect(clampScroll(495, 500, 19)).toBe(481);
    expect(clampScroll(3, 2, 19)).toBe(0);
  });

  test("a figure that is unknown as a dash, and no bar for nothing", () => {
    const [, , , , line = ""] = plain(120, null, {
      rows: [row("a", { cpuPct: 0, gpuPct: null, rate: null })],
    });
    expect(line).toMatch(/^a +healthy +0% [█▉▊▋▌▍▎▏]+ +20% +- +0 [█▉▊▋▌▍▎▏]+ +1 +-$/);
  });

  test("trouble instead of rates, and no escape sequence of a server's making", () => {
    const lines = plain(80, 24, {
      rows: [row("a\x1b]0;x\x07", { status: "\x1b[31m" })],
      trouble: "cannot reach it",
    });
    expect(lines[2]).toBe("cannot reach it");
    expect(lines.join("")).not.toMatch(/\p{Cc}/u);
  });
});

describe("order", () => {
  const rows = [
    row("b", { cpuPct: 50, status: "draining", rate: 3 }),
    row("a", { cpuPct: 50, status: "stale", rate: null }),
    row("c", { cpuPct: 90, status: "healthy", rate: 1 }),
  ];

  test.each([
    ["name", "abc"],
    ["status", "bca"],
    ["cpu", "cab"],
    ["rate", "bca"],
  ] as const)("by %s", (key, wanted) => {
    expect(
      sorted(rows, { key, isReversed: false })
        .map(({ id }) => id)
        .join(""),
    ).toBe(wanted);
  });

  test("turned round", () => {
    expect(sorted(rows, { key: "name", isReversed: true }).map(({ id }) => id)).toEqual(["c", "b", "a"]);
  });

  test("the next column goes round the end", () => {
    expect(neighbour("rate", 1)).toBe("name");
    expect(neighbour("name", -1)).toBe("rate");
    for (const key of SORT_KEYS) expect(neighbour(neighbour(key, 1), -1)).toBe(key);
  });
});

function look(atMs: number, total: number | null): Parameters<typeof rowsOf>[1] {
  return { atMs, views: [row("a", { requestsTotal: total })] };
}

test("rates are what came in between, by the clock; none after a new start", () => {
  expect(rowsOf(null, look(0, 5))[0]?.rate).toBeNull();
  expect(rowsOf(look(0, 5), look(2000, 25))[0]?.rate).toBe(10);
  expect(rowsOf(look(0, 25), look(2000, 5))[0]?.rate).toBeNull();
  expect(rowsOf(look(0, null), look(2000, 5))[0]?.rate).toBeNull();
});

test("bars are as long as their share, in eighths", () => {
  expect(bar(0, 4, false)).toBe("    ");
  expect(bar(0.001, 4, false)).toBe("▏   ");
  expect(bar(0.5, 4, false)).toBe("██  ");
  expect(bar(17 / 32, 4, false)).toBe("██▏ ");
  expect(bar(7, 4, false)).toBe("████");
  expect(bar(0.5, 4, true)).toBe("##..");
  expect(bar(Number.NaN, 4, true)).toBe("....");
});

test("keys", () => {
  expect(intentsOf("q").map(({ kind }) => kind)).toEqual(["quit"]);
  expect(intentsOf("\x1b[A\x1b[6~jR")).toEqual([
    { kind: "scroll", rows: -1 },
    { kind: "page", pages: 1 },
    { kind: "scroll", rows: 1 },
    { kind: "reverse" },
  ]);
  // A mouse report, a key of modifiers: nothing, and no letter of them.
  expect(intentsOf("\x1b[<0;10;20M\x1b[1;5C")).toEqual([]);
  expect(intentsOf("\x1b")).toEqual([{ kind: "quit" }]);
});

/** Two workers of one server, in this thread: what one has fetched the other answers with. */
import { expect, test } from "bun:test";
import { selfSigned } from "../../../support/certificate.ts";
import { eventually } from "../../../support/eventually.ts";
import { answer, RawBackend } from "../../../support/raw-backend.ts";
import { call } from "../../../support/raw-client.ts";
import { Cell, type CellOptions, cellInit } from "../cell.ts";

const headers = { Host: "t" };

async function pair(respond: Parameters<typeof RawBackend.start>[0], options: CellOptions = {}) {
  const backend = await RawBackend.start(respond);
  const init = { ...cellInit({ ...options, config: { cache_enabled: true, ...options.config } }, 2) };
  const viaName = `opsen-${crypto.randomUUID()}`;
  const cells = [await Cell.of({ ...init, viaName }), await Cell.of({ ...init, viaName, index: 1 })] as const;
  const [one, two] = cells;
  const added = one.add({ ports: [backend.port] });
  two.announce(added, { ports: [backend.port] });
  const ca = init.certificates?.fallback.cert;
  const ask = (cell: Cell, method: string, path: string, more = {}) =>
    call({ port: cell.port, ...(ca !== undefined && { ca }) }, method, path, { headers, ...more });
  return {
    backend,
    one,
    two,
    ask,
    hits: () => one.tables.counters.sum("cache_hits"),
    async [Symbol.asyncDispose]() {
      for (const cell of cells) await cell[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

function stored(cell: Cell): readonly string[] {
  cell.apply({ type: "cache_question", seq: 0, most: 100 });
  const reports = cell.messages.filter((message) => message.type === "cache_report");
  return reports.at(-1)?.report.largest.map(({ url }) => url) ?? [];
}

for (const [how, certificates] of [
  ["plain", null],
  ["TLS", { fallback: selfSigned(), named: [], clientCa: "" }],
] as const) {
  test(`small and large responses are fetched once for both (${how})`, async () => {
    const bodies: Record<string, Buffer> = {
      "/small": Buffer.from("abc"),
      "/large": Buffer.alloc(400_000, "xyz"),
    };
    await using both = await pair(
      {
        respond: (request, wire) => {
          const body = bodies[request.startLine.split(" ")[1] ?? ""] ?? "";
          return answer(wire, 200, body, { "Cache-Control": "max-age=60", Age: "5" });
        },
      },
      { certificates },
    );
    for (const [path, body] of Object.entries(bodies)) {
      expect((await both.ask(both.one, "GET", path)).raw.body.equals(body)).toBe(true);
      await eventually("the other knows", () => stored(both.two).some((url) => url.endsWith(path)));
      const other = await both.ask(both.two, "GET", path);
      expect(other.raw.body.equals(body)).toBe(true);
      expect(other.header("age")).toMatch(/^[56]$/);
      expect((await both.ask(both.one, "GET", path)).raw.body.equals(body)).toBe(true);
    }
    expect(both.backend.requests).toHaveLength(2);
    expect(both.hits()).toBe(4);
  });
}

test("what one worker confirms counts for the other, and what is purged comes back to neither", async () => {
  let etag = 0;
  await using both = await pair({
    respond: (_request, wire) =>
      ++etag === 2
        ? wire.send("HTTP/1.1 304 Not Modified\r\nX-New: 1\r\n\r\n")
        : answer(wire, 200, "abc", {
            "Cache-Control": "max-age=60",
            Age: etag === 1 ? "60" : "0",
            ETag: '"1"',
          }),
  });
  await both.ask(both.one, "GET", "/a");
  await eventually("the other knows", () => stored(both.two).length === 1);
  await both.ask(both.one, "GET", "/a");
  await eventually("the other knows more", async () => {
    const { raw } = await both.ask(both.two, "GET", "/a", {
      headers: { ...headers, "Cache-Control": "only-if-cached" },
    });
    return raw.headers.some(([name]) => name === "X-New");
  });
  expect(both.backend.requests).toHaveLength(2);
  for (const cell of [both.two, both.one])
    cell.apply({ type: "cache_purge", seq: 1, purge: { kind: "all" } });
  expect([stored(both.one), stored(both.two)]).toEqual([[], []]);
});

test("a change that one worker sees is a change for both", async () => {
  await using both = await pair({
    respond: (request, wire) =>
      answer(wire, 200, request.startLine.startsWith("GET") ? "abc" : "", { "Cache-Control": "max-age=60" }),
  });
  await both.ask(both.one, "GET", "/a");
  await eventually("the other knows", () => stored(both.two).length === 1);
  await both.ask(both.one, "DELETE", "/a");
  expect((await both.ask(both.two, "GET", "/a")).header("cache-status")).toContain("fwd=uri-miss");
});

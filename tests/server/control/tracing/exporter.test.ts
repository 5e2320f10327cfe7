import { expect, test } from "bun:test";
import { encodeSpan } from "../../../../core/tracing/span.ts";
import { Exporter, type ExporterOptions } from "../../../../server/control/tracing/exporter.ts";
import { eventually } from "../../../support/eventually.ts";
import { OtlpCollector } from "../../../support/otlp-collector.ts";

function silent(): void {
  // Only warnings are of interest.
}

function exporterTo(endpoint: string, changes: Partial<ExporterOptions> = {}) {
  const counts = new Map<string, number>();
  const warnings: unknown[] = [];
  const exporter = new Exporter({
    endpoint,
    headers: [],
    timeoutMs: 2000,
    serviceName: "opsen",
    instanceId: "i",
    version: "1",
    count: (counter, by) => counts.set(counter, (counts.get(counter) ?? 0) + by),
    log: { debug: silent, info: silent, warn: (_, data) => warnings.push(data), error: silent },
    pauseMs: 5,
    ...changes,
  });
  return { exporter, counts, warnings };
}

const span = (name: string): string =>
  encodeSpan({
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: "",
    traceState: "",
    name,
    kind: "server",
    startMs: 1_700_000_000_000.125,
    endMs: 1_700_000_000_001,
    attributes: { text: "t", whole: 3, half: 0.5, yes: true, none: undefined },
    error: "why",
  });

test("spans arrive as they were, in batches", async () => {
  await using collector = new OtlpCollector();
  const { exporter, counts } = exporterTo(`${collector.url}/`);
  exporter.add({ count: 2, spans: `${span("a")},${span("b")}` });
  exporter.add({ count: 1, spans: span("c") });
  await exporter.stop(5000);
  expect(collector.spans.map(({ name }) => name)).toEqual(["a", "b", "c"]);
  expect(collector.spans[0]).toEqual({
    name: "a",
    kind: 2,
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: "",
    traceState: "",
    startNs: 1_700_000_000_000_125_000n,
    endNs: 1_700_000_000_001_000_000n,
    attributes: { text: "t", whole: 3, half: 0.5, yes: true },
    status: { code: 2, message: "why" },
  });
  expect(new URL(collector.requests[0]?.url ?? "").pathname).toBe("/v1/traces");
  expect(counts.get("spans_exported")).toBe(3);
});

test("a collector that asks for time is asked again, one that refuses is not", async () => {
  await using collector = new OtlpCollector((count) => {
    if (count < 3) return new Response("", { status: 503 });
    return count === 4 ? new Response("", { status: 400 }) : Response.json({});
  });
  const { exporter, counts, warnings } = exporterTo(collector.url);
  for (const name of ["a", "b", "c"]) exporter.add({ count: 1, spans: span(name) });
  await eventually("the end", () => collector.spans.length === 2);
  expect(collector.spans.map(({ name }) => name)).toEqual(["a", "c"]);
  expect(collector.requests).toHaveLength(5);
  expect(counts.get("spans_dropped")).toBe(1);
  expect(warnings).toEqual([{ dropped: 1, reason: "the collector answered 400" }]);
});

test("what waits for a slow collector is bounded, and what is too much is counted", async () => {
  const { promise, resolve } = Promise.withResolvers<null>();
  await using collector = new OtlpCollector(async () => {
    await promise;
    return new Response("", { status: 400 });
  });
  const { exporter, counts } = exporterTo(collector.url);
  const large = "x".repeat(1024 * 1024);
  for (let index = 0; index < 20; index++) exporter.add({ count: 10, spans: `"${large}"` });
  expect(counts.get("spans_dropped")).toBe(130);
  resolve(null);
  await exporter.stop(5000);
  expect(counts.get("spans_dropped")).toBe(200);
});

test("spans that a collector rejects count as dropped", async () => {
  await using collector = new OtlpCollector(() => Response.json({ partialSuccess: { rejectedSpans: "2" } }));
  const { exporter, counts } = exporterTo(collector.url);
  exporter.add({ count: 3, spans: [span("a"), span("b"), span("c")].join(",") });
  await exporter.stop(5000);
  expect([counts.get("spans_exported"), counts.get("spans_dropped")]).toEqual([1, 2]);
});

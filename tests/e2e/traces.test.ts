/** Traces: what backends are told, and what a collector gets. */
import { expect, test } from "bun:test";
import { Behind } from "../support/behind.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { header } from "../support/http-message.ts";
import { record } from "../support/json.ts";
import { OtlpCollector } from "../support/otlp-collector.ts";
import { answer, refusingPort } from "../support/raw-backend.ts";
import { TestServer } from "../support/server.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const PARENT = `00-${TRACE}-${SPAN}-01`;
const FRESH = /^00-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-0[01]$/;
const SERVER = 2;
const CLIENT = 3;
const INTERNAL = 1;

test("without tracing, what the client says passes as it is", async () => {
  await using server = await TestServer.start();
  await using behind = await Behind.start(server);
  await server.call("GET", "/", { headers: { traceparent: "nonsense", tracestate: "A B" } });
  await server.call("GET", "/");
  const [said, silent] = behind.backend.requests;
  expect(said && [header(said, "traceparent"), header(said, "tracestate")]).toEqual(["nonsense", "A B"]);
  expect(silent && header(silent, "traceparent")).toBeNull();
});

test("trace_context: what is valid passes, the rest gives way to a new trace", async () => {
  await using server = await TestServer.start({ config: { trace_context: true } });
  await using behind = await Behind.start(server);
  const told = async (headers: Readonly<Record<string, string>>): Promise<(string | null)[]> => {
    await server.call("GET", "/", { headers });
    const request = behind.backend.requests.at(-1);
    return request === undefined ? [] : [header(request, "traceparent"), header(request, "tracestate")];
  };
  expect(await told({ traceparent: PARENT, tracestate: "a=1 , b=2" })).toEqual([PARENT, "a=1,b=2"]);
  expect(await told({ traceparent: PARENT, tracestate: "A=1" })).toEqual([PARENT, null]);
  const later = PARENT.replace("00-", "07-");
  expect(await told({ traceparent: `${later}-more` })).toEqual([PARENT, null]);
  const [first, state] = await told({ traceparent: `${PARENT}-more`, tracestate: "a=1" });
  expect(first).toMatch(FRESH);
  expect(first).not.toContain(TRACE);
  expect(state).toBeNull();
  const [second] = await told({});
  expect(second).toMatch(FRESH);
  expect(second).not.toBe(first);
});

test("a recorded request is a span of its caller, with a pick and an attempt below it", async () => {
  await using collector = new OtlpCollector();
  await using server = await TestServer.start({
    config: {
      otlp_endpoint: collector.url,
      otlp_headers: ["X-Tenant: me: too"],
      trace_sample_percent: 0,
      trace_service_name: "edge",
    },
  });
  await using behind = await Behind.start(server, {
    respond: (request, wire) => answer(wire, request.startLine.includes("/bad") ? 500 : 200, "body"),
  });
  const headers = { traceparent: PARENT, tracestate: "a=1", "User-Agent": "me/1" };
  await server.call("GET", "/good?secret=1", { headers });
  const told = behind.backend.requests[0];
  await eventually("the spans", () => collector.named("GET", SERVER).length === 1);
  const [request] = collector.named("GET", SERVER);
  const [attempt] = collector.named("GET", CLIENT);
  const [pick] = collector.named("pick", INTERNAL);
  expect(collector.spans.map(({ traceId, traceState }) => [traceId, traceState])).toEqual(
    collector.spans.map(() => [TRACE, "a=1"]),
  );
  expect(request?.parentSpanId).toBe(SPAN);
  expect(pick?.parentSpanId).toBe(request?.spanId ?? "");
  expect(attempt?.parentSpanId).toBe(request?.spanId ?? "");
  expect(told && header(told, "traceparent")).toBe(`00-${TRACE}-${attempt?.spanId}-01`);
  expect(request?.attributes).toMatchObject({
    "http.request.method": "GET",
    "url.scheme": "http",
    "url.path": "/good",
    "client.address": "127.0.0.1",
    "network.protocol.version": "1.1",
    "user_agent.original": "me/1",
    "http.response.status_code": 200,
    "http.response.body.size": 4,
    "opsen.backend.id": behind.agent.id,
    "opsen.tier": "lite",
  });
  expect(attempt?.attributes).toMatchObject({
    "server.address": "127.0.0.1",
    "server.port": behind.backend.port,
    "url.full": `${behind.backend.url}/good`,
    "http.response.status_code": 200,
  });
  expect(JSON.stringify(collector.spans.map(({ attributes }) => attributes))).not.toContain("secret");
  for (const span of [attempt, pick]) {
    expect(span !== undefined && request !== undefined && span.startNs >= request.startNs).toBe(true);
    expect(span !== undefined && request !== undefined && span.endNs <= request.endNs).toBe(true);
  }
  expect(request?.status).toBeNull();
  expect(collector.resources[0]).toMatchObject({ "service.name": "edge" });
  expect(collector.requests[0]?.headers.get("x-tenant")).toBe("me: too");
  const line = await server.log("the access line", (entry) => record(entry.data ?? {}).trace === TRACE);
  expect(record(line.data).trace).toBe(TRACE);

  await server.call("GET", "/bad", { headers });
  await eventually("the failure", () => collector.named("GET", SERVER).length === 2);
  expect(collector.named("GET", SERVER)[1]?.status).toMatchObject({ code: 2 });
  expect(collector.named("GET", CLIENT)[1]?.attributes["error.type"]).toBe("500");
});

test("who is not sampled is not recorded, and each attempt is a span of its own", async () => {
  await using collector = new OtlpCollector();
  await using server = await TestServer.start({
    config: { otlp_endpoint: collector.url, trace_sample_percent: 100 },
  });
  const port = await refusingPort();
  await FakeAgent.join(server, { id: "down", endpoint: `http://127.0.0.1:${port}` });
  await using behind = await Behind.start(server, {}, { cpu: 50 });
  await server.call("GET", "/loud");
  await eventually("the spans", () => collector.named("GET", SERVER).length === 1);
  const attempts = collector.named("GET", CLIENT);
  expect(
    attempts.map(({ attributes, status }) => [
      attributes["opsen.backend.id"],
      attributes["error.type"],
      attributes["http.request.resend_count"],
      status?.code,
    ]),
  ).toEqual([
    ["down", "connect_failure", undefined, 2],
    [behind.agent.id, undefined, 1, undefined],
  ]);
  expect(collector.named("GET", SERVER)[0]?.parentSpanId).toBe("");
  await server.call("GET", "/quiet", { headers: { traceparent: PARENT.replace(/01$/, "00") } });
  const quiet = behind.backend.requests.at(-1);
  expect(quiet && header(quiet, "traceparent")).toBe(PARENT.replace(/01$/, "00"));
  await server.call("GET", "/clients");
  await server.call("GET", "/last");
  await eventually("the last", () =>
    collector.named("GET", SERVER).some(({ attributes }) => attributes["url.path"] === "/last"),
  );
  expect(collector.named("GET", SERVER)).toHaveLength(2);
});

test("the last spans are sent before the end", async () => {
  await using collector = new OtlpCollector();
  await using cluster = await Cluster.start([{ name: "b" }], {
    config: { otlp_endpoint: collector.url, trace_sample_percent: 100 },
  });
  for (let index = 0; index < 20; index++) await cluster.server.call("GET", `/${index}`);
  await cluster.server.stop();
  expect(collector.named("GET", SERVER)).toHaveLength(20);
});

test("a collector that is away costs no request, and spans are counted", async () => {
  const port = await refusingPort();
  const endpoint = `http://127.0.0.1:${port}`;
  await using cluster = await Cluster.start([{ name: "b" }], {
    config: { otlp_endpoint: endpoint, trace_sample_percent: 100, otlp_timeout_seconds: 1 },
  });
  const { server } = cluster;
  expect((await server.call("GET", "/x")).status).toBe(200);
  await server.log("that spans were dropped", (entry) => entry.message === "spans were dropped", 20_000);
  const metrics = await server.call("GET", "/metrics");
  expect(metrics.text).toMatch(/^opsen_spans_dropped_total [1-9]/m);
}, 30_000);

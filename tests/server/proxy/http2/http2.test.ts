/** HTTP/2 on both sides of the data plane. */
import { expect, test } from "bun:test";
import { CANCEL, INTERNAL_ERROR, NO_ERROR, REFUSED_STREAM } from "../../../../core/http2/frame.ts";
import { DEAF } from "../../../../core/http2/stream.ts";
import { respond } from "../../../core/http2/pair.ts";
import { selfSigned } from "../../../support/certificate.ts";
import { eventually } from "../../../support/eventually.ts";
import { header, headerAll } from "../../../support/http-message.ts";
import { answer, RawBackend } from "../../../support/raw-backend.ts";
import { call } from "../../../support/raw-client.ts";
import { Cell } from "../cell.ts";
import { Http2Backend, Http2Client } from "./peers.ts";

const certificates = { fallback: selfSigned(), named: [], clientCa: "" };
const GET = "GET /x HTTP/1.1";
const POST = "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked";

/** An HTTP/2 backend that answers each request with its body. */
const echoes = () =>
  new Http2Backend((side, heard) => {
    if (heard.stream === null) return;
    respond(side, heard.stream, 200, false);
    heard.stream.sendData(heard.body, 0, heard.body.length);
    heard.stream.sendEnd(Buffer.from("x-sum: 1\r\n"));
  });

test("many requests of one connection reach an HTTP/1.1 backend, and each gets its own answer", async () => {
  await using backend = await RawBackend.start({
    respond: (request, wire) =>
      answer(wire, 200, Buffer.concat([Buffer.from(request.startLine), request.body])),
  });
  await using cell = await Cell.start({ certificates });
  cell.add({ ports: [backend.port] });
  await using client = await Http2Client.open(cell.port);
  const asked = Array.from({ length: 40 }, (_, at) =>
    client.ask(`POST /${at} HTTP/1.1\r\nTransfer-Encoding: chunked`, Buffer.from(`=${at}`)),
  );
  await eventually("all answers", () => asked.every((heard) => heard.events.includes("end")));
  expect(asked.map((heard) => heard.body.toString())).toEqual(
    asked.map((_, at) => `POST /${at} HTTP/1.1=${at}`),
  );
  const [first] = backend.requests;
  expect(first && headerAll(first, "via")).toContain("2 opsen-test");
  expect(first && header(first, "x-forwarded-proto")).toBe("https");
});

test("an answer that breaks off is reset, and never looks complete", async () => {
  await using backend = await RawBackend.start({
    script: async (wire) => {
      await wire.readHead();
      await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
      wire.reset();
    },
  });
  await using cell = await Cell.start({ certificates });
  cell.add({ ports: [backend.port] });
  await using client = await Http2Client.open(cell.port);
  const heard = client.ask(GET);
  await eventually("the end", () => heard.events.length > 1);
  expect(heard.events).toEqual(["head", `reset ${INTERNAL_ERROR}`]);
});

test("a client that cancels frees the backend, and the connection goes on", async () => {
  await using backend = new Http2Backend(() => {});
  await using cell = await Cell.start({ certificates });
  cell.add({ ports: [backend.port], isHttp2: true });
  await using client = await Http2Client.open(cell.port);
  const heard = client.ask(GET);
  await eventually("the request", () => backend.connections[0]?.side.streams.size === 1);
  heard.stream?.reset(CANCEL);
  client.flush();
  const stream = backend.connections[0]?.side.streams.get(1);
  await eventually("the reset", () => stream?.events.at(-1) === `reset ${CANCEL}`);
  expect(cell.tables.backends.inFlight(0)).toBe(0);
  expect(client.ask(GET).stream).not.toBeNull();
});

test("streams above the limit are refused", async () => {
  await using backend = new Http2Backend(() => {});
  await using cell = await Cell.start({ certificates, config: { http2_max_streams: 2 } });
  cell.add({ ports: [backend.port], isHttp2: true });
  await using client = await Http2Client.open(cell.port);
  client.side.session.peer.maxConcurrentStreams = 100;
  const asked = [GET, GET, GET].map((lines) => client.ask(lines));
  await eventually("the refusal", () => asked[2]?.events.length === 1);
  expect(asked[2]?.events).toEqual([`reset ${REFUSED_STREAM} unprocessed`]);
});

test("requests to an HTTP/2 backend share a connection, with trailers for who wants them", async () => {
  await using backend = echoes();
  await using cell = await Cell.start({ certificates });
  cell.add({ ports: [backend.port], isHttp2: true });
  await using client = await Http2Client.open(cell.port);
  const body = Buffer.alloc(200_000, 7);
  const wanting = client.ask(`${POST}\r\nTE: trailers`, body);
  const other = client.ask(POST, body);
  await eventually("both answers", () => [wanting, other].every((heard) => heard.events.includes("end")));
  expect([wanting.body.equals(body), other.body.equals(body)]).toEqual([true, true]);
  expect([wanting.trailers, other.trailers]).toEqual(["x-sum: 1\r\n", ""]);
  // A client of HTTP/1.1 reaches it as well.
  const plain = await call(
    { port: cell.port, host: "127.0.0.1", ca: certificates.fallback.cert },
    "POST",
    "/y",
    { body },
  );
  expect([plain.status, plain.raw.body.equals(body)]).toEqual([200, true]);
  expect(backend.connections).toHaveLength(1);
});

test("a backend's limit on streams is kept by opening another connection", async () => {
  await using backend = new Http2Backend(() => {}, { maxStreams: 2 });
  await using cell = await Cell.start({ certificates });
  cell.add({ ports: [backend.port], isHttp2: true });
  await using client = await Http2Client.open(cell.port);
  for (let at = 0; at < 5; at++) client.ask(GET);
  await eventually(
    "five requests",
    () => backend.connections.reduce((sum, { side }) => sum + side.streams.size, 0) === 5,
  );
  expect(backend.connections.map(({ side }) => side.streams.size)).toEqual([2, 2, 1]);
});

test("a request that the backend refused or went away before is sent again, whatever its method", async () => {
  let refusals = 2;
  await using backend = new Http2Backend((side, heard) => {
    if (heard.stream === null) return;
    if (refusals-- > 0) heard.stream.reset(REFUSED_STREAM);
    else respond(side, heard.stream, 204, true);
  });
  await using cell = await Cell.start({ certificates });
  cell.add({ ports: [backend.port], isHttp2: true });
  await using client = await Http2Client.open(cell.port);
  const heard = client.ask(POST, Buffer.from("once"));
  await eventually("the answer", () => heard.events.includes("end"));
  expect([client.status(heard), refusals]).toEqual([204, -1]);
});

test("a POST whose connection died after it was sent is not sent again", async () => {
  let seen = 0;
  await using backend = new Http2Backend(() => {
    seen++;
    for (const connection of backend.connections) connection.close();
  });
  await using cell = await Cell.start({ certificates });
  cell.add({ ports: [backend.port], isHttp2: true });
  await using client = await Http2Client.open(cell.port);
  const heard = client.ask(POST, Buffer.from("once"));
  await eventually("the answer", () => heard.events.includes("end"));
  expect([client.status(heard), seen]).toEqual([502, 1]);
});

test("a port that does not speak HTTP/2 is no backend, and is not waited for", async () => {
  await using backend = await RawBackend.start({
    respond: (_request, wire) => answer(wire, 200, "HTTP/1.1"),
  });
  await using cell = await Cell.start({ config: { breaker_enabled: false } });
  cell.add({ ports: [backend.port], isHttp2: true });
  expect((await call({ port: cell.port }, "GET", "/")).status).toBe(502);
});

test("an early answer stops the upload", async () => {
  await using backend = await RawBackend.start({
    script: async (wire) => {
      await wire.readHead();
      await wire.send("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
      await wire.readToEnd();
    },
  });
  await using cell = await Cell.start({ certificates });
  cell.add({ ports: [backend.port] });
  await using client = await Http2Client.open(cell.port);
  const heard = client.ask(POST, Buffer.alloc(1000), false);
  await eventually("the reset", () => heard.events.length === 3);
  expect(heard.events).toEqual(["head, end", "end", `reset ${NO_ERROR}`]);
});

test("at shutdown the client is told, what runs is finished, and the connection closes", async () => {
  const release = Promise.withResolvers<void>();
  await using backend = await RawBackend.start({
    respond: async (_request, wire) => {
      await release.promise;
      await answer(wire, 200, "done");
    },
  });
  await using cell = await Cell.start({ certificates });
  cell.add({ ports: [backend.port] });
  await using client = await Http2Client.open(cell.port);
  const heard = client.ask(GET);
  await eventually("the request", () => backend.requests.length === 1);
  cell.drain(5000);
  await eventually("GOAWAY", () => !client.side.session.isUsable);
  expect(heard.events).toEqual([]);
  release.resolve();
  await eventually("the answer", () => heard.events.includes("end"));
  await eventually("the close", () => client.isClosed);
  expect(client.side.over).toEqual({ code: NO_ERROR, reason: "" });
});

test("a client that never reads is let go of when its time is over, and holds up nobody", async () => {
  const large = Buffer.alloc(1_000_000, 1);
  await using backend = await RawBackend.start({ respond: (_request, wire) => answer(wire, 200, large) });
  await using cell = await Cell.start({ certificates, config: { stream_idle_timeout_seconds: 1 } });
  cell.add({ ports: [backend.port] });
  await using client = await Http2Client.open(cell.port, { window: { stream: 1000, connection: 65_535 } });
  const slow = client.ask(GET);
  slow.stream?.pause();
  await eventually("the reset", () => slow.events.at(-1)?.startsWith("reset") === true);
  expect(slow.body.length).toBeLessThan(2000);
  const other = await call(
    { port: cell.port, host: "127.0.0.1", ca: certificates.fallback.cert },
    "GET",
    "/",
  );
  expect(other.raw.body.length).toBe(large.length);
});

test("a request that is malformed reaches no backend and costs nobody else's stream", async () => {
  await using backend = await RawBackend.start({ respond: (_request, wire) => answer(wire, 200, "ok") });
  await using cell = await Cell.start({ certificates });
  cell.add({ ports: [backend.port] });
  await using client = await Http2Client.open(cell.port);
  const { session } = client.side;
  const heard = client.ask(GET);
  session.encoder.trailers(Buffer.from("x-no-pseudo-fields: 1\r\n"));
  session.open(DEAF)?.sendHead(session.encoder, true);
  client.flush();
  await eventually("the good answer", () => heard.events.includes("end"));
  expect([client.status(heard), heard.body.toString()]).toEqual([200, "ok"]);
  expect(backend.requests).toHaveLength(1);
  await eventually("the warning", () => cell.log.includes("a client broke the rules of HTTP/2"));
});

test("what is too large is answered as over HTTP/1.1", async () => {
  await using cell = await Cell.start({ certificates, config: { max_header_bytes: 2048 } });
  await using client = await Http2Client.open(cell.port);
  const large = client.ask(`${GET}\r\nX-Large: ${"x".repeat(3000)}`);
  const connect = client.ask("GET / HTTP/1.1");
  await eventually("both answers", () => [large, connect].every((heard) => heard.events.includes("end")));
  expect([client.status(large), client.status(connect)]).toEqual([431, 503]);
});

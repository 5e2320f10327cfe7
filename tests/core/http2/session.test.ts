import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { CANCEL, NO_ERROR, REFUSED_STREAM } from "../../../core/http2/frame.ts";
import { exchange, type Heard, makeSide, request, respond, type Side } from "./pair.ts";

function connect(options: Parameters<typeof makeSide>[0] = {}, ended?: (heard: Heard) => void): [Side, Side] {
  const client = makeSide({ ...options, isServer: false });
  const server = makeSide({ ...options, isServer: true }, ended);
  exchange(client, server);
  return [client, server];
}

describe("two sessions", () => {
  test("a request and its response, with trailers both ways", () => {
    const [client, server] = connect();
    const asked = request(
      client,
      "POST /a?b HTTP/1.1\r\nX-One: 1\r\nCookie: a=1\r\nTransfer-Encoding: chunked",
      true,
    );
    asked.stream?.sendData(Buffer.from("question"), 0, 8);
    asked.stream?.sendEnd(Buffer.from("x-sum: 42\r\n"));
    exchange(client, server);
    const heard = server.streams.get(1);
    const head = server.heads.get(1);
    expect(heard?.events).toEqual(["head", "end"]);
    expect(heard?.body.toString()).toBe("question");
    expect(heard?.trailers).toBe("x-sum: 42\r\n");
    expect(head && "target" in head && [head.method, head.target, head.host]).toEqual([
      "POST",
      "/a?b",
      "backend.test",
    ]);
    expect(head?.get("x-one")).toBe("1");
    expect(head?.get("cookie")).toBe("a=1");
    const stream = heard?.stream;
    if (!stream) throw new Error("no stream");
    respond(server, stream, 200, false);
    stream.sendData(Buffer.from("answer"), 0, 6);
    stream.sendEnd(Buffer.from("grpc-status: 0\r\n"));
    exchange(client, server);
    expect(asked.events).toEqual(["head", "end"]);
    expect(asked.body.toString()).toBe("answer");
    expect(asked.trailers).toBe("grpc-status: 0\r\n");
    expect([client.session.openStreams, server.session.openStreams]).toEqual([0, 0]);
  });

  test("content of any size arrives whole, however it is cut and however small the windows are", () => {
    const sizes = fc.array(fc.nat(50_000), { minLength: 1, maxLength: 5 });
    const cuts = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(sizes, cuts, fc.integer({ min: 1024, max: 70_000 }), (lengths, pieces, window) => {
        const [client, server] = connect({ window: { stream: window, connection: 65_535 + window } });
        const bodies = lengths.map((length, index) => Buffer.alloc(length, index + 1));
        const heard = bodies.map((body) => {
          const one = request(client, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked", true);
          one.stream?.sendData(body, 0, body.length);
          one.stream?.sendEnd(Buffer.alloc(0));
          return one;
        });
        let turn = 0;
        exchange(client, server, () => pieces[turn++ % pieces.length] ?? 1);
        const got = heard.map((one) => server.streams.get(one.stream?.id ?? 0)?.body);
        expect(got).toEqual(bodies);
        expect(client.over).toBeNull();
        expect(server.over).toBeNull();
      }),
      { numRuns: 60 },
    );
  });

  test("a paused stream holds its window back and no other", () => {
    const [client, server] = connect({ window: { stream: 10_000, connection: 100_000 } });
    const body = Buffer.alloc(30_000, 7);
    const slow = request(client, "POST /slow HTTP/1.1\r\nTransfer-Encoding: chunked", true);
    exchange(client, server);
    server.streams.get(1)?.stream?.pause();
    slow.stream?.sendData(body, 0, body.length);
    exchange(client, server);
    expect(server.streams.get(1)?.body.length).toBe(10_000);
    const quick = request(client, "POST /quick HTTP/1.1\r\nTransfer-Encoding: chunked", true);
    quick.stream?.sendData(body, 0, body.length);
    exchange(client, server);
    expect(server.streams.get(3)?.body.length).toBe(30_000);
    server.streams.get(1)?.stream?.resume();
    exchange(client, server);
    expect(server.streams.get(1)?.body.length).toBe(30_000);
  });

  test("streams share the connection in turns", () => {
    const [client, server] = connect({ window: { stream: 1_000_000, connection: 65_535 } });
    const body = Buffer.alloc(200_000, 7);
    for (const path of ["/one", "/two"]) {
      const one = request(client, `POST ${path} HTTP/1.1\r\nTransfer-Encoding: chunked`, true);
      one.stream?.sendData(body, 0, body.length);
    }
    // What the first window lets through before anybody consumes.
    const frames = Buffer.concat(client.out.splice(0));
    server.session.receive(frames);
    exchange(client, server);
    expect(server.streams.get(1)?.body.length).toBe(200_000);
    expect(server.streams.get(3)?.body.length).toBe(200_000);
  });

  test("streams above the limit are refused, and may be sent again", () => {
    // The client learns of the limit only with the server's settings; here it does not wait for them.
    const client = makeSide({ isServer: false });
    const server = makeSide({ maxStreams: 1 });
    client.session.isSettled = true;
    request(client, "GET /one HTTP/1.1");
    const second = request(client, "GET /two HTTP/1.1");
    exchange(client, server);
    expect(second.events).toEqual([`reset ${REFUSED_STREAM} unprocessed`]);
    expect(server.streams.size).toBe(1);
    expect(client.session.canOpen).toBe(false);
  });

  test("a reset ends a stream on both sides", () => {
    const [client, server] = connect();
    const asked = request(client, "GET / HTTP/1.1");
    exchange(client, server);
    asked.stream?.reset(CANCEL);
    exchange(client, server);
    expect(server.streams.get(1)?.events).toEqual(["head, end", "end", `reset ${CANCEL}`]);
    expect(asked.events).toEqual([]);
    expect(server.session.openStreams).toBe(0);
  });

  test("an answer before the end of the request asks for no more of it", () => {
    const [client, server] = connect();
    const asked = request(client, "POST / HTTP/1.1\r\nContent-Length: 10", true);
    exchange(client, server);
    const stream = server.streams.get(1)?.stream;
    if (!stream) throw new Error("no stream");
    respond(server, stream, 413, true);
    stream.abandonUpload(NO_ERROR);
    exchange(client, server);
    expect(asked.events).toEqual(["head, end", "end", `reset ${NO_ERROR}`]);
  });

  test("going away lets what runs finish, takes what was under way, and nothing more", () => {
    const [client, server] = connect();
    const first = request(client, "GET /one HTTP/1.1");
    exchange(client, server);
    server.session.goAway();
    // Crosses with the announcement.
    const second = request(client, "GET /two HTTP/1.1");
    exchange(client, server);
    expect(client.session.canOpen).toBe(false);
    expect(server.over).toBeNull();
    for (const { stream } of server.streams.values()) if (stream) respond(server, stream, 204, true);
    exchange(client, server);
    expect([first.events, second.events]).toEqual([
      ["head, end", "end"],
      ["head, end", "end"],
    ]);
    expect(server.over).toEqual({ code: NO_ERROR, reason: "" });
    expect(client.over).toEqual({ code: NO_ERROR, reason: "" });
  });

  test("the end of the connection ends every stream", () => {
    const [client, server] = connect();
    request(client, "GET /one HTTP/1.1");
    request(client, "GET /two HTTP/1.1");
    exchange(client, server);
    server.session.end();
    const events = [...server.streams.values()].map((heard) => heard.events.at(-1));
    expect(events).toEqual([`reset ${CANCEL}`, `reset ${CANCEL}`]);
  });
});

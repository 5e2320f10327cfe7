/** What goes through the proxy, octet by octet: targets, methods, framing, connections. */
import { afterAll, expect, test } from "bun:test";
import { Behind } from "../support/behind.ts";
import { header, headerAll } from "../support/http-message.ts";
import { answer } from "../support/raw-backend.ts";
import { openClient, readFinal } from "../support/raw-client.ts";
import { seeded } from "../support/seeded.ts";
import { TestServer } from "../support/server.ts";

const server = await TestServer.start({ config: { workers: 1 } });
afterAll(() => server[Symbol.asyncDispose]());

test("methods pass as they are", async () => {
  await using behind = await Behind.start(server);
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
    expect((await server.call(method, "/m")).status).toBe(200);
    expect(behind.backend.requests.at(-1)?.startLine).toBe(`${method} /m HTTP/1.1`);
  }
});

test("CONNECT and TRACE reach no backend", async () => {
  await using behind = await Behind.start(server);
  for (const line of ["CONNECT t:80 HTTP/1.1", "TRACE / HTTP/1.1"]) {
    await using client = await openClient(server.target);
    await client.send(`${line}\r\nHost: t\r\n\r\n`);
    const response = await client.readResponse();
    expect(response.startLine).toMatch(/ (?:400|405|501) /);
  }
  expect(behind.backend.requests).toEqual([]);
});

test("paths and queries keep every octet", async () => {
  await using behind = await Behind.start(server);
  const targets = [
    "/",
    "/?",
    "/a//b/./c/../d",
    "/%2e%2e/%2F%41%zz",
    "/x;p=1,2/:@!$&'()*+,;=~",
    "/q?a=b&a=c&&=;?/:@[]{}|^`",
    "/deep?next=http://other/x?y=z#",
    `/long/${"p".repeat(7000)}`,
  ].map((each) => each.replace("#", ""));
  for (const target of targets) {
    const got = await server.call("GET", target);
    expect({ target, status: got.status }).toEqual({ target, status: 200 });
    expect(behind.backend.requests.at(-1)?.startLine).toBe(`GET ${target} HTTP/1.1`);
  }
});

test("an absolute target becomes an origin target and its authority counts", async () => {
  await using behind = await Behind.start(server);
  await using client = await openClient(server.target);
  await client.send("GET http://shop.example/a?b HTTP/1.1\r\nHost: shop.example\r\n\r\n");
  await client.readResponse();
  const [request] = behind.backend.requests;
  expect(request?.startLine).toBe("GET /a?b HTTP/1.1");
  expect(request && header(request, "x-forwarded-host")).toBe("shop.example");
});

test("bodies arrive whole and with exactly one framing, however they are cut", async () => {
  await using behind = await Behind.start(server, {
    respond: (request, wire) => answer(wire, 200, request.body),
  });
  const random = seeded(7);
  const body = random.bytes(3000);
  await using client = await openClient(server.target);
  const chunks: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const size = 1 + random.below(400);
    const part = body.subarray(at, at + size);
    const line =
      random.below(2) === 0 ? part.length.toString(16) : `0${part.length.toString(16).toUpperCase()}`;
    chunks.push(Buffer.from(`${line};note=${at}\r\n`), part, Buffer.from("\r\n"));
    at += size;
  }
  const chunked = Buffer.concat([
    Buffer.from("POST /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ...chunks,
    Buffer.from("0\r\n\r\n"),
  ]);
  const segments: Buffer[] = [];
  for (let at = 0; at < chunked.length; ) {
    const size = 1 + random.below(97);
    segments.push(chunked.subarray(at, at + size));
    at += size;
  }
  await client.sendSegments(segments);
  expect((await readFinal(client, "POST")).raw.body.equals(body)).toBe(true);

  await client.send(`POST /l HTTP/1.1\r\nHost: t\r\nContent-Length: ${body.length}\r\n\r\n`);
  await client.sendSegments([body.subarray(0, 1), body.subarray(1, 2999), body.subarray(2999)]);
  expect((await readFinal(client, "POST")).raw.body.equals(body)).toBe(true);

  for (const request of behind.backend.requests) {
    const framings =
      headerAll(request, "content-length").length + headerAll(request, "transfer-encoding").length;
    expect(framings).toBe(1);
    expect(request.wireBody.toString("latin1")).not.toContain("note=");
  }
});

test("an empty POST keeps Content-Length: 0, a GET without a body gets no framing, a GET with one keeps it", async () => {
  await using behind = await Behind.start(server);
  await server.call("POST", "/p", { body: "" });
  await server.call("GET", "/g");
  await server.call("GET", "/gb", { body: "body" });
  await server.call("DELETE", "/db", { body: "body" });
  const [post, get, getBody, deleteBody] = behind.backend.requests;
  expect(post && header(post, "content-length")).toBe("0");
  expect(get && [header(get, "content-length"), header(get, "transfer-encoding")]).toEqual([null, null]);
  expect(getBody?.body.toString()).toBe("body");
  expect(deleteBody?.body.toString()).toBe("body");
});

test("responses keep framing, status, reason, order and case of their headers", async () => {
  await using behind = await Behind.start(server, {
    respond: (request, wire) => {
      if (request.startLine.includes("/chunked")) {
        return wire.send(
          "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
        );
      }
      if (request.startLine.includes("/close")) {
        return wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil close").then(() => {
          wire.finish();
          return false;
        });
      }
      return wire.send(
        "HTTP/1.1 299 Quite Special\r\nset-cookie: a=1\r\nX-b: 1\r\nSet-Cookie: b=2; Path=/\r\nX-B: 2\r\nContent-Length: 2\r\n\r\nok",
      );
    },
  });
  const plain = await server.call("GET", "/plain");
  expect(plain.raw.startLine).toBe("HTTP/1.1 299 Quite Special");
  const own = plain.raw.headers.filter(([name]) => /^(?:set-cookie|x-b)$/i.test(name));
  expect(own).toEqual([
    ["set-cookie", "a=1"],
    ["X-b", "1"],
    ["Set-Cookie", "b=2; Path=/"],
    ["X-B", "2"],
  ]);
  expect(plain.raw.framing).toBe("length");
  const chunked = await server.call("GET", "/chunked");
  expect(chunked.text).toBe("hello!");
  expect(chunked.raw.wireBody.toString()).not.toContain("x=1");
  const closed = await server.call("GET", "/close");
  expect(closed.text).toBe("until close");
  expect(behind.backend.faults).toEqual([]);
});

test("management's security headers are not forced on proxied answers", async () => {
  await using behind = await Behind.start(server, {
    respond: (_request, wire) => answer(wire, 200, "x", { "X-Frame-Options": "SAMEORIGIN" }),
  });
  const got = await server.call("GET", "/framed");
  expect(headerAll(got.raw, "x-frame-options")).toEqual(["SAMEORIGIN"]);
  expect(behind.backend.faults).toEqual([]);
});

test("HEAD, 204 and 304 carry no body and leave the connection usable", async () => {
  await using behind = await Behind.start(server, {
    respond: (request, wire) => {
      if (request.startLine.startsWith("HEAD"))
        return wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n");
      if (request.startLine.includes("/204")) return wire.send("HTTP/1.1 204 No Content\r\n\r\n");
      if (request.startLine.includes("/304")) {
        return wire.send('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99\r\n\r\n');
      }
      return answer(wire, 200, "after");
    },
  });
  await using client = await openClient(server.target);
  await client.send("HEAD /h HTTP/1.1\r\nHost: t\r\n\r\n");
  const head = await readFinal(client, "HEAD");
  expect(head.header("content-length")).toBe("1234");
  await client.send("GET /204 HTTP/1.1\r\nHost: t\r\n\r\n");
  const empty = await readFinal(client);
  expect([empty.status, empty.header("content-length"), empty.header("transfer-encoding")]).toEqual([
    204,
    null,
    null,
  ]);
  await client.send("GET /304 HTTP/1.1\r\nHost: t\r\n\r\n");
  const unchanged = await readFinal(client);
  expect([unchanged.status, unchanged.header("etag")]).toEqual([304, '"x"']);
  await client.send("GET /after HTTP/1.1\r\nHost: t\r\n\r\n");
  expect((await readFinal(client)).text).toBe("after");
  expect(behind.backend.connections).toHaveLength(1);
});

test("connections are kept and reused on both sides", async () => {
  await using behind = await Behind.start(server, { respond: (_request, wire) => answer(wire, 200, "x") });
  await using client = await openClient(server.target);
  for (let round = 0; round < 50; round++) {
    await client.send(`GET /k${round} HTTP/1.1\r\nHost: t\r\n\r\n`);
    expect((await readFinal(client)).text).toBe("x");
  }
  expect(behind.backend.requests).toHaveLength(50);
  expect(behind.backend.connections).toHaveLength(1);
});

test("pipelined requests are answered in order", async () => {
  await using behind = await Behind.start(server, {
    respond: (request, wire) => answer(wire, 200, request.startLine),
  });
  await using client = await openClient(server.target);
  const requests = Array.from(
    { length: 12 },
    (_, at) => `POST /p${at} HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nab${at % 10}`,
  );
  await client.send(requests.join(""));
  for (let at = 0; at < 12; at++) {
    expect((await readFinal(client, "POST")).text).toBe(`POST /p${at} HTTP/1.1`);
  }
  expect(behind.backend.requests.map((each) => each.body.toString())).toEqual(
    Array.from({ length: 12 }, (_, at) => `ab${at % 10}`),
  );
});

test("an empty line before a request is forgiven; Connection: close is obeyed", async () => {
  await using behind = await Behind.start(server);
  await using client = await openClient(server.target);
  await client.send("\r\nGET /x HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
  const response = await client.readResponse();
  expect(response.startLine).toContain(" 200 ");
  expect(header(response, "connection")?.toLowerCase()).toBe("close");
  expect((await client.readToEnd()).length).toBe(0);
  expect(client.ending).toBe("fin");
  expect(behind.backend.faults).toEqual([]);
});

test("a client that half-closes after its request still gets the answer", async () => {
  await using behind = await Behind.start(server, {
    respond: (_request, wire) => answer(wire, 200, "late"),
  });
  await using client = await openClient(server.target);
  await client.send("GET /half HTTP/1.1\r\nHost: t\r\n\r\n");
  client.finish();
  expect((await readFinal(client)).text).toBe("late");
  expect(behind.backend.faults).toEqual([]);
});

test("an HTTP/1.0 client gets no chunks and an ended connection", async () => {
  await using behind = await Behind.start(server, {
    respond: (_request, wire) =>
      wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
  });
  await using client = await openClient(server.target);
  await client.send("GET /old HTTP/1.0\r\nHost: t\r\n\r\n");
  const bytes = (await client.readToEnd()).toString("latin1");
  expect(bytes.toLowerCase()).not.toContain("transfer-encoding");
  expect(bytes.endsWith("\r\n\r\nabc")).toBe(true);
  expect(behind.backend.faults).toEqual([]);
});

test.each(["text/plain", "application/json"])(
  "Expect: 100-continue with %s is answered before the body has to come",
  async (type) => {
    await using behind = await Behind.start(server, {
      script: async (wire) => {
        await wire.readHead();
        await wire.send("HTTP/1.1 100 Continue\r\n\r\n");
        await answer(wire, 200, await wire.readBytes(4));
        await wire.readToEnd(60_000);
      },
    });
    await using client = await openClient(server.target);
    const fields = `Content-Type: ${type}\r\nExpect: 100-continue\r\nContent-Length: 4`;
    await client.send(`PUT /e HTTP/1.1\r\nHost: t\r\n${fields}\r\n\r\n`);
    expect((await client.readResponse()).startLine).toStartWith("HTTP/1.1 100");
    await client.send("[42]");
    expect((await readFinal(client, "PUT")).text).toBe("[42]");
    expect(behind.backend.connections).toHaveLength(1);
  },
);

test("Expect: 100-continue: a final answer before the body is the answer", async () => {
  await using behind = await Behind.start(server, {
    script: async (wire) => {
      await wire.readHead();
      await answer(wire, 403, "no");
      await wire.readToEnd(60_000);
    },
  });
  await using client = await openClient(server.target);
  await client.send("PUT /e HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  expect((await readFinal(client, "PUT")).status).toBe(403);
  expect(behind.backend.connections).toHaveLength(1);
});

test("an informational response is passed on", async () => {
  await using behind = await Behind.start(server, {
    respond: (_request, wire) =>
      wire.send(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      ),
  });
  await using client = await openClient(server.target);
  await client.send("GET /hints HTTP/1.1\r\nHost: t\r\n\r\n");
  const hints = await client.readResponse();
  expect(hints.startLine).toContain(" 103 ");
  expect(header(hints, "link")).toBe("</a.css>; rel=preload");
  expect((await readFinal(client)).text).toBe("ok");
  expect(behind.backend.faults).toEqual([]);
});

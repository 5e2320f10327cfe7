/** Each timeout ends what it is there to end, and nothing else. The waits are the configured second, not luck. */
import { afterAll, expect, test } from "bun:test";
import { Behind } from "../support/behind.ts";
import { header, statusOf } from "../support/http-message.ts";
import { openClient } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const server = await TestServer.start({
  config: {
    workers: 1,
    read_header_timeout_seconds: 1,
    request_timeout_seconds: 1,
    idle_timeout_seconds: 1,
    stream_idle_timeout_seconds: 1,
    connect_timeout_seconds: 1,
  },
});
afterAll(() => server[Symbol.asyncDispose]());

test("a head that does not come is a 408, also when it trickles", async () => {
  await using client = await openClient(server.target);
  await client.send("GET /slow HTTP/1.1\r\nHo");
  const trickle = setInterval(() => void client.send("s"), 100);
  try {
    const response = await client.readResponse();
    expect([statusOf(response), header(response, "x-opsen-error")]).toEqual([408, "slow_request"]);
  } finally {
    clearInterval(trickle);
  }
  await client.readToEnd();
});

test("an idle connection is closed without a word, new and used ones", async () => {
  await using behind = await Behind.start(server);
  await using used = await openClient(server.target);
  await used.send("GET /x HTTP/1.1\r\nHost: t\r\n\r\n");
  await used.readResponse();
  expect((await used.readToEnd()).length).toBe(0);
  await using fresh = await openClient(server.target);
  const said = (await fresh.readToEnd()).toString("latin1");
  expect(said === "" || said.startsWith("HTTP/1.1 408")).toBe(true);
  expect(behind.backend.faults).toEqual([]);
});

test("a backend that does not answer is a 504, and its connection is not used again", async () => {
  await using behind = await Behind.start(server, {
    respond: (request, wire) =>
      request.startLine.includes("/hang")
        ? Promise.resolve()
        : wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
  });
  const got = await server.call("GET", "/hang");
  expect([got.status, got.header("x-opsen-error")]).toEqual([504, "gateway_timeout"]);
  expect((await server.call("GET", "/fine")).text).toBe("ok");
  expect(behind.backend.connections).toHaveLength(2);
});

test("an answer that began may take longer than request_timeout_seconds as long as it moves", async () => {
  await using behind = await Behind.start(server, {
    respond: async (_request, wire) => {
      await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (let count = 0; count < 6; count++) {
        await wire.send("1\r\nx\r\n");
        await Bun.sleep(300); // Well under the idle second; six of them are well over the request's.
      }
      await wire.send("0\r\n\r\n");
    },
  });
  expect((await server.call("GET", "/drip")).text).toBe("xxxxxx");
  expect(behind.backend.faults).toEqual([]);
});

test("an answer that stops in the middle is cut after stream_idle_timeout_seconds", async () => {
  await using behind = await Behind.start(server, {
    respond: (_request, wire) => wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"),
  });
  await using client = await openClient(server.target);
  await client.send("GET /stall HTTP/1.1\r\nHost: t\r\n\r\n");
  const got = (await client.readToEnd()).toString("latin1");
  expect(got).toEndWith("only this");
  expect(behind.backend.faults).toEqual([]);
});

test("total_timeout_seconds ends what would go on for ever, before and after the answer has begun", async () => {
  await using strict = await TestServer.start({ config: { total_timeout_seconds: 1 } });
  await using behind = await Behind.start(strict, {
    respond: async (request, wire) => {
      if (request.startLine.includes("/hang")) return;
      await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      while (wire.ending === null) {
        await wire.send("1\r\nx\r\n").catch(() => {});
        await Bun.sleep(100);
      }
    },
  });
  const got = await strict.call("GET", "/hang");
  expect([got.status, got.header("x-opsen-error")]).toEqual([504, "total_timeout"]);
  await using client = await openClient(strict.target);
  await client.send("GET /drip HTTP/1.1\r\nHost: t\r\n\r\n");
  const dripped = (await client.readToEnd()).toString("latin1");
  expect(dripped).toContain("1\r\nx\r\n");
  expect(dripped).not.toContain("0\r\n\r\n");
  expect(behind.backend.faults).toEqual([]);
});

/** What surrounds the server may misbehave too: its port, its disk, its log's reader, its callers. */
import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { TestAgent } from "../support/agent.ts";
import { Behind } from "../support/behind.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { commandOf } from "../support/executables.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { statusOf } from "../support/http-message.ts";
import { number, record, records } from "../support/json.ts";
import { answer } from "../support/raw-backend.ts";
import { call, openClient, readFinal } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

function failure(start: Promise<unknown>): Promise<string> {
  return start.then(
    () => "started",
    (error: unknown) => String(error instanceof Error ? error.message : error),
  );
}

test("a second server on the same port does not start, however many workers share a port", async () => {
  await using first = await TestServer.start({ config: { workers: 4 } });
  const said = await failure(TestServer.start({ config: { workers: 4, port: first.port } }));
  expect(said).toContain(String(first.port));
  for (let round = 0; round < 12; round++) expect((await first.call("GET", "/health")).status).toBe(200);
});

test("a database that cannot be written is an error with its path", async () => {
  await using server = await TestServer.start();
  const dir = join(server.dir, "sealed");
  mkdirSync(dir);
  chmodSync(dir, 0o500);
  const missing = join(server.dir, "no", "such", "folder", "opsen.db");
  expect(await failure(TestServer.start({ config: { database: missing } }))).toContain(missing);
  // Root may write anywhere, so the second half says something only for others.
  if (process.getuid?.() === 0) return;
  const sealed = join(dir, "opsen.db");
  expect(await failure(TestServer.start({ config: { database: sealed } }))).toContain(sealed);
});

test("a reader of the log that stops does not stop the proxy", async () => {
  await using server = await TestServer.start();
  const command = commandOf("server")
    .map((each) => `'${each}'`)
    .join(" ");
  const port = server.port;
  await server.stop();
  // A pipe whose reader never reads: the kernel's buffer of 64 KiB fills up after some hundred lines.
  await Bun.write(
    join(server.dir, "blocked.sh"),
    `${command} -config server.yml -port ${port} | sleep 600\n`,
  );
  const shell = Bun.spawn(["setsid", "sh", "blocked.sh"], {
    cwd: server.dir,
    stdout: "ignore",
    stderr: "ignore",
  });
  try {
    await eventually("an answer", () => call({ port }, "GET", "/health"));
    await using client = await openClient({ port });
    for (let round = 0; round < 5000; round++) {
      await client.send("GET /x HTTP/1.1\r\nHost: t\r\n\r\n");
      expect(statusOf(await client.readResponse())).toBe(503);
    }
    expect((await call({ port }, "GET", "/clients")).status).toBe(200);
  } finally {
    process.kill(-shell.pid, "SIGKILL");
    await shell.exited;
  }
}, 60_000);

test("a management body that does not come is not waited for", async () => {
  await using server = await TestServer.start({
    config: {
      workers: 1,
      request_timeout_seconds: 1,
      stream_idle_timeout_seconds: 1,
      read_header_timeout_seconds: 1,
    },
  });
  for (const path of ["/stats", "/route"]) {
    await using client = await openClient(server.target);
    await client.send(
      `POST ${path} HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"tier"`,
    );
    const said = (await client.readToEnd()).toString("latin1");
    expect(said === "" || /^HTTP\/1\.1 (?:400|408|504) /.test(said)).toBe(true);
  }
  expect((await server.call("GET", "/health")).status).toBe(200);
});

test("a silent tunnel is ended after stream_idle_timeout_seconds", async () => {
  await using cluster = await Cluster.start(
    [{ name: "b", onMessage: (socket, message) => void socket.send(message) }],
    { config: { stream_idle_timeout_seconds: 1 } },
  );
  const socket = new WebSocket(`ws://127.0.0.1:${cluster.server.port}/`);
  const closed = new Promise<void>((resolve) => socket.addEventListener("close", () => resolve()));
  await new Promise<void>((resolve) => socket.addEventListener("open", () => resolve()));
  await closed;
  await eventually("no lease", async () => {
    const { total } = record((await cluster.server.call("GET", "/leases")).json);
    return number(total) === 0;
  });
});

test("an agent whose server has gone still ends at once", async () => {
  await using server = await TestServer.start();
  await using agent = new TestAgent({
    config: { server_url: server.url, endpoint_url: "http://127.0.0.1:9001" },
  });
  await eventually(
    "a registration",
    async () => records((await server.call("GET", "/clients")).json).length === 1,
  );
  await server.killHard();
  expect((await agent.stop()).code).toBe(0);
});

test("a thousand backends are listed whole and chosen among", async () => {
  await using server = await TestServer.start({ config: { workers: 1 } });
  await using behind = await Behind.start(
    server,
    { respond: (_request, wire) => answer(wire, 200, "the idle one") },
    { cpu: 0, memoryAvailGb: 64, cores: 16 },
  );
  const endpoint = "http://127.0.0.1:9001";
  for (let batch = 0; batch < 40; batch++) {
    await Promise.all(
      Array.from({ length: 25 }, (_, at) =>
        FakeAgent.join(server, { id: `many-${batch}-${at}`, endpoint, cpu: 50, cores: 16 }),
      ),
    );
  }
  expect(records((await server.call("GET", "/clients")).json)).toHaveLength(1001);
  await using client = await openClient(server.target);
  for (let round = 0; round < 10; round++) {
    await client.send("GET /x HTTP/1.1\r\nHost: t\r\n\r\n");
    expect((await readFinal(client)).text).toBe("the idle one");
  }
  expect(behind.backend.requests).toHaveLength(10);
}, 90_000);

test("L-15: without file descriptors requests are refused, no backend is blamed, and all is well again", async () => {
  await using server = await TestServer.start({ config: { workers: 1, upstream_keepalive: false } });
  await using behind = await Behind.start(server, { respond: (_request, wire) => answer(wire, 200, "ok") });
  await using client = await openClient(server.target);
  await using watcher = await openClient(server.target);
  const ask = async (): Promise<number> => {
    await client.send("GET /x HTTP/1.1\r\nHost: t\r\n\r\n");
    return statusOf(await client.readResponse());
  };
  expect(await ask()).toBe(200);
  // The lowest free descriptor is the first that cannot be had; that of the last request may be closing still.
  let seen = "";
  const used = await eventually("no descriptor comes or goes", () => {
    const open = readdirSync(`/proc/${server.child.pid}/fd`).map(Number);
    const isSame = seen === String(open);
    seen = String(open);
    return isSame ? new Set(open) : null;
  });
  let lowestFree = 0;
  while (used.has(lowestFree)) lowestFree++;
  await setFileLimit(server, String(lowestFree));
  for (let count = 0; count < 10; count++) expect(await ask()).toBe(503);
  await watcher.send("GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n");
  await setFileLimit(server, "1024");
  const before = await watcher.readResponse();
  expect(await ask()).toBe(200);
  // The control plane was out of reach too, and is asked again.
  expect(statusOf(before)).toBe(200);
  const { text } = await server.call("GET", "/metrics");
  expect(text).toContain("opsen_breakers_opened_total 0");
  expect(text).toContain('opsen_errors_total{code="no_capacity"} 10');
  expect(behind.backend.requests).toHaveLength(2);
  await server.log("the shortage is told", ({ message }) => String(message).includes("too many open files"));
});

async function setFileLimit(server: TestServer, most: string): Promise<void> {
  const child = Bun.spawn(["prlimit", "--pid", String(server.child.pid), `--nofile=${most}:`]);
  expect(await child.exited).toBe(0);
}

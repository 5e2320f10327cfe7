/** How a server ends: what runs may finish, what is new is refused, and a second signal does not wait. */
import { expect, test } from "bun:test";
import { Cluster, type Member } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { openClient, readFinal } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const held: Member = {
  name: "held",
  handle: async (_request, backend) => {
    await backend.gate.pass();
    return new Response("finished");
  },
};

/** Twice in a row: what waits at a listener while that closes is refused although another still listens. */
async function refused(port: number): Promise<boolean> {
  return (await refusedOnce(port)) && (await refusedOnce(port));
}

async function refusedOnce(port: number): Promise<boolean> {
  try {
    await using probe = await openClient({ port });
    // With several listeners on a port one may close after another; a connection that is closed counts too.
    await probe.send("GET /health HTTP/1.1\r\nHost: t\r\n\r\n");
    await probe.readToEnd(1000);
    return probe.log.length === 0;
  } catch {
    return true;
  }
}

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s: listener closed, requests in flight finish, exit 0",
  async (signal) => {
    await using cluster = await Cluster.start([held]);
    const { server } = cluster;
    await using client = await openClient(server.target);
    await using idle = await openClient(server.target);
    await client.send("GET /slow HTTP/1.1\r\nHost: t\r\n\r\n");
    await cluster.backend("held").gate.waitFor(1);
    server.child.kill(signal);
    await idle.readToEnd();
    await eventually("a refused connection", () => refused(server.port));
    expect(server.child.running).toBe(true);
    cluster.backend("held").gate.open();
    const answer = await readFinal(client);
    expect([answer.status, answer.text]).toEqual([200, "finished"]);
    await client.readToEnd();
    expect((await server.child.finished()).code).toBe(0);
  },
);

test("what does not finish within shutdown_timeout_seconds is cut, and the exit is 0 all the same", async () => {
  await using cluster = await Cluster.start([held], { config: { shutdown_timeout_seconds: 1 } });
  await using client = await openClient(cluster.server.target);
  await client.send("GET /slow HTTP/1.1\r\nHost: t\r\n\r\n");
  await cluster.backend("held").gate.waitFor(1);
  cluster.server.child.kill("SIGTERM");
  await client.readToEnd();
  expect((await cluster.server.child.finished()).code).toBe(0);
});

test("a second signal ends at once", async () => {
  await using cluster = await Cluster.start([held], { config: { shutdown_timeout_seconds: 600 } });
  await using client = await openClient(cluster.server.target);
  await client.send("GET /slow HTTP/1.1\r\nHost: t\r\n\r\n");
  await cluster.backend("held").gate.waitFor(1);
  cluster.server.child.kill("SIGTERM");
  await eventually("a refused connection", () => refused(cluster.server.port));
  expect(cluster.server.child.running).toBe(true);
  cluster.server.child.kill("SIGTERM");
  await cluster.server.child.finished(10_000);
  await client.readToEnd();
});

test("event streams and tunnels are ended, not waited for till the end of days", async () => {
  await using cluster = await Cluster.start(
    [{ name: "b", onMessage: (socket, message) => void socket.send(message) }],
    { config: { shutdown_timeout_seconds: 1 } },
  );
  const socket = new WebSocket(`ws://127.0.0.1:${cluster.server.port}/`);
  const closed = new Promise<void>((resolve) => socket.addEventListener("close", () => resolve()));
  await new Promise<void>((resolve) => socket.addEventListener("open", () => resolve()));
  const { code } = await cluster.server.stop();
  expect(code).toBe(0);
  await closed;
});

test("an idle server stops at once, whatever its timeout", async () => {
  await using server = await TestServer.start({ config: { shutdown_timeout_seconds: 600, workers: 4 } });
  await using idle = await openClient(server.target);
  expect((await server.stop()).code).toBe(0);
  await idle.readToEnd();
});

test("a keep-alive client is told to come elsewhere with its last answer", async () => {
  await using cluster = await Cluster.start([held]);
  await using client = await openClient(cluster.server.target);
  await client.send("GET /slow HTTP/1.1\r\nHost: t\r\n\r\n");
  await cluster.backend("held").gate.waitFor(1);
  cluster.server.child.kill("SIGTERM");
  await eventually("a refused connection", () => refused(cluster.server.port));
  cluster.backend("held").gate.open();
  const answer = await readFinal(client);
  expect(answer.header("connection")?.toLowerCase()).toBe("close");
});

/** A seeded crowd of clients, good and bad, after which nothing may be left over. */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { Cluster, type Member } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { record, records } from "../support/json.ts";
import { readFinal } from "../support/raw-client.ts";
import { type Seeded, seeded } from "../support/seeded.ts";
import type { Wire } from "../support/wire.ts";

const CLIENTS = 12;
const ACTIONS = 50;
const NOISE = seeded(77).bytes(300_000);

/** Answers with the hash of what came, padded to a size that the query asks for. */
const echo: Omit<Member, "name"> = {
  handle: async (request, backend) => {
    const body = Buffer.from(await request.arrayBuffer());
    const size = Number(new URL(request.url).searchParams.get("size") ?? 0);
    const headers = { "X-Hash": sha(body), "X-Name": backend.name };
    return new Response(NOISE.subarray(0, size), { headers });
  },
  onMessage: (socket, message) => void socket.send(message),
  agent: { cores: 64 },
};

test("after a mixed crowd nothing is held, nothing leaks, and every answer was the right one", async () => {
  await using cluster = await Cluster.start(
    [
      { ...echo, name: "one" },
      { ...echo, name: "two" },
    ],
    { config: { workers: 2, sticky_header: "X-S", log_level: "warn" } },
  );
  const { server } = cluster;
  await server.call("GET", "/warm");
  const filesBefore = server.child.openFiles();
  const answered = await Promise.all(
    Array.from({ length: CLIENTS }, (_, at) => behave(() => server.open(), seeded(1000 + at))),
  );
  expect(answered.reduce((sum, each) => sum + each, 0)).toBeGreaterThan((CLIENTS * ACTIONS) / 2);
  await eventually("nothing held", async () => {
    const clients = records((await server.call("GET", "/clients")).json);
    const leases = record((await server.call("GET", "/leases")).json);
    return leases.total === 0 && clients.every((each) => each.in_flight === 0);
  });
  // Idle connections to the two backends stay; those of the clients are gone.
  const kept = 2 * 2 * CLIENTS;
  await eventually("descriptors", () => server.child.openFiles() <= filesBefore + kept);
  expect(server.child.running).toBe(true);
  expect(server.child.errorLines).toEqual([]);
});

/** Runs the actions of one client and gives how many whole answers it got. */
async function behave(open: () => Promise<Wire>, random: Seeded): Promise<number> {
  let client = await open();
  let answers = 0;
  for (let at = 0; at < ACTIONS; at++) {
    const action = random.below(10);
    if (action < 6) {
      await exchange(client, random);
      answers++;
      continue;
    }
    if (action === 6) await abandonUpload(client, random);
    if (action === 7) await abandonDownload(client);
    if (action === 8) await client.send("BROKEN\r\n\r\n");
    if (action === 9) await client.send("GET /hea");
    if (random.below(2) === 0) client.reset();
    await client[Symbol.asyncDispose]();
    client = await open();
  }
  await client[Symbol.asyncDispose]();
  return answers;
}

async function exchange(client: Wire, random: Seeded): Promise<void> {
  const size = random.below(200_000);
  const body = NOISE.subarray(random.below(1000), 1000 + random.below(60_000));
  const session = random.below(2) === 0 ? `X-S: s${random.below(50)}\r\n` : "";
  const head = `POST /e?size=${size} HTTP/1.1\r\nHost: t\r\n${session}`;
  if (random.below(2) === 0) {
    await client.send(`${head}Content-Length: ${body.length}\r\n\r\n`);
    const cut = random.below(body.length);
    await client.sendSegments([body.subarray(0, cut), body.subarray(cut)]);
  } else {
    await client.send(`${head}Transfer-Encoding: chunked\r\n\r\n`);
    for (let at = 0; at < body.length; ) {
      const part = body.subarray(at, at + 1 + random.below(20_000));
      await client.send(
        Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]),
      );
      at += part.length;
    }
    await client.send("0\r\n\r\n");
  }
  const got = await readFinal(client, "POST", 30_000);
  expect([got.status, got.header("x-hash")]).toEqual([200, sha(body)]);
  expect(got.raw.body.equals(NOISE.subarray(0, size))).toBe(true);
}

async function abandonUpload(client: Wire, random: Seeded): Promise<void> {
  await client.send("POST /u HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n");
  await client.send(NOISE.subarray(0, random.below(90_000)));
}

async function abandonDownload(client: Wire): Promise<void> {
  await client.send("GET /d?size=300000 HTTP/1.1\r\nHost: t\r\n\r\n");
  await client.readHead();
}

function sha(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("hex");
}

/** Capacity of proxied requests: admitted exactly, given back always. */
import { expect, test } from "bun:test";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type Json, number, record, records, string } from "../support/json.ts";
import { openClient, readFinal } from "../support/raw-client.ts";
import type { TestServer } from "../support/server.ts";
import type { Wire } from "../support/wire.ts";

const REQUEST = "GET /held HTTP/1.1\r\nHost: t\r\n\r\n";

async function leaseTotal(server: TestServer): Promise<number> {
  return number(record((await server.call("GET", "/leases")).json).total);
}

async function openMany(server: TestServer, count: number): Promise<Wire[]> {
  return Promise.all(Array.from({ length: count }, () => openClient(server.target)));
}

test("with room for K, 500 simultaneous requests over 4 workers admit exactly K", async () => {
  const held = {
    handle: async (_request: Request, backend: { gate: { pass(): Promise<void> }; name: string }) => {
      await backend.gate.pass();
      return new Response(backend.name);
    },
  };
  // Rooms for 7 by cores, 5 by memory (1 GB each) and 9 by disk (5 GB each): K = 21.
  await using cluster = await Cluster.start(
    [
      { name: "cores", ...held, agent: { cores: 7 } },
      { name: "memory", ...held, agent: { cores: 64, memoryAvailGb: 5.5 } },
      { name: "disk", ...held, agent: { cores: 64, diskAvailGb: 49 } },
    ],
    { config: { workers: 4 } },
  );
  const K = 21;
  const clients = await openMany(cluster.server, 500);
  try {
    const answers = clients.map((client) =>
      readFinal(client, "GET", 60_000).then(
        (answer) => `${answer.status} ${answer.header("x-opsen-error")}`,
        // Kept as a result, so that a failure elsewhere in the test is the one that is shown.
        (error: unknown) => `none: ${String(error instanceof Error ? error.message : error)}`,
      ),
    );
    let settled = 0;
    const allRefused = Promise.withResolvers<void>();
    for (const each of answers) {
      void each.then(() => {
        settled++;
        if (settled === 500 - K) allRefused.resolve();
      });
    }
    await Promise.all(clients.map((client) => client.send(REQUEST)));
    // Those who got no room are told so while the others are held: the gate opens only then.
    await allRefused.promise;
    const names = ["cores", "memory", "disk"];
    await Promise.all(names.map((name, at) => cluster.backend(name).gate.waitFor([7, 5, 9][at] ?? 0)));
    expect(await leaseTotal(cluster.server)).toBe(K);
    const shown = records((await cluster.server.call("GET", "/clients")).json);
    const figures = shown.map((each) => `${string(each.client_id)} ${each.in_flight} ${each.leases}`);
    expect(new Set(figures)).toEqual(new Set(["cores 7 7", "memory 5 5", "disk 9 9"]));
    for (const name of names) cluster.backend(name).gate.open();
    const results = await Promise.all(answers);
    expect(results.filter((each) => each.startsWith("200"))).toHaveLength(K);
    expect(results.filter((each) => each === "503 no_capacity")).toHaveLength(500 - K);
    expect(await leaseTotal(cluster.server)).toBe(0);
    expect((await cluster.server.call("GET", "/again")).status).toBe(200);
  } finally {
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  }
}, 90_000);

test("10,000 short requests in a row on a 4-core backend: none refused", async () => {
  await using cluster = await Cluster.start([{ name: "b", agent: { cores: 4 } }], { config: { workers: 2 } });
  const LANES = 2;
  const PER_LANE = 5000;
  const lanes = await openMany(cluster.server, LANES);
  try {
    const counts = await Promise.all(
      lanes.map(async (client) => {
        let good = 0;
        for (let sent = 0; sent < PER_LANE; sent++) {
          await client.send(REQUEST);
          if ((await readFinal(client)).status === 200) good++;
        }
        return good;
      }),
    );
    expect(counts).toEqual([PER_LANE, PER_LANE]);
    expect(await leaseTotal(cluster.server)).toBe(0);
    expect(cluster.backend("b").hits).toBe(LANES * PER_LANE);
  } finally {
    await Promise.all(lanes.map((client) => client[Symbol.asyncDispose]()));
  }
}, 90_000);

test("a lease ends with its client, whichever way that goes", async () => {
  await using cluster = await Cluster.start(
    [
      {
        name: "b",
        handle: async (_request, backend) => {
          await backend.gate.pass();
          return new Response("x");
        },
        agent: { cores: 2 },
      },
    ],
    { config: { workers: 2 } },
  );
  for (const leave of ["reset", "close"] as const) {
    for (let round = 0; round < 3; round++) {
      const clients = await openMany(cluster.server, 2);
      const arrived = cluster.backend("b").gate.arrived;
      await Promise.all(clients.map((client) => client.send(REQUEST)));
      await cluster.backend("b").gate.waitFor(arrived + 2);
      expect(await leaseTotal(cluster.server)).toBe(2);
      for (const client of clients) {
        if (leave === "reset") client.reset();
        else await client[Symbol.asyncDispose]();
      }
      await eventually("no lease", async () => (await leaseTotal(cluster.server)) === 0);
    }
  }
});

test("request leases are listed as such, without an end", async () => {
  await using cluster = await Cluster.start([
    {
      name: "b",
      handle: async (_request, backend) => {
        await backend.gate.pass();
        return new Response("x");
      },
    },
  ]);
  await using client = await openClient(cluster.server.target);
  await client.send("GET /?tier=medium HTTP/1.1\r\nHost: t\r\n\r\n");
  await cluster.backend("b").gate.waitFor(1);
  const { leases } = record((await cluster.server.call("GET", "/leases")).json);
  expect(records(leases)).toMatchObject([
    { client_id: "b", tier: "medium", kind: "request", expires_in_seconds: null },
  ]);
  cluster.backend("b").gate.open();
  await readFinal(client);
});

test("reservation: timeout holds capacity after the answer, until it has run out", async () => {
  await using cluster = await Cluster.start([{ name: "b", agent: { cores: 2 } }], {
    config: { reservation: "timeout", pending_allocation_timeout_seconds: 1 },
  });
  const ask = async (): Promise<number> => (await cluster.server.call("GET", "/")).status;
  expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 503]);
  await eventually("the end of a reservation", async () => (await ask()) === 200);
});

test("a tier may have its own reservation", async () => {
  await using cluster = await Cluster.start([{ name: "b", agent: { cores: 2 } }], {
    config: {
      tiers: [
        { name: "short", vcpu: 1 },
        { name: "session", vcpu: 1, reservation: "timeout" },
      ],
    },
  });
  const ask = async (tier: string): Promise<number> =>
    (await cluster.server.call("GET", `/?tier=${tier}`)).status;
  expect([await ask("short"), await ask("short"), await ask("short")]).toEqual([200, 200, 200]);
  expect([await ask("session"), await ask("session"), await ask("short")]).toEqual([200, 200, 503]);
});

test("GPUs are handed out one by one, each with its own memory", async () => {
  await using cluster = await Cluster.start(
    [{ name: "b", agent: { cores: 64, gpus: [gpu(0, 8), gpu(1, 8), gpu(2, 24), gpu(3, 24, 95)] } }],
    {
      config: {
        tiers: [
          { name: "big", gpu: 1, gpu_memory_gb: 16 },
          { name: "small", gpu: 1, gpu_memory_gb: 4 },
        ],
      },
    },
  );
  const route = async (tier: string): Promise<number> =>
    (await cluster.server.call("POST", "/route", { json: { tier } })).status;
  expect([await route("small"), await route("small")]).toEqual([200, 200]);
  expect([await route("big"), await route("big"), await route("small")]).toEqual([200, 503, 503]);
});

function gpu(deviceId: number, totalGb: number, utilization = 0): Json {
  return {
    device_id: deviceId,
    utilization_pct: utilization,
    memory_used_gb: 0,
    memory_total_gb: totalGb,
  };
}

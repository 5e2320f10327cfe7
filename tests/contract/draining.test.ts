/** `POST /clients/{id}/drain` and `undrain`: a backend leaves service without hurting anybody. */
import { expect, test } from "bun:test";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { Gate } from "../support/http-backend.ts";
import { record, records } from "../support/json.ts";
import { expectProblem } from "../support/problem.ts";
import { call } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

const CONFIG = { sticky_header: "X-Session", workers: 2 };
const session = { headers: { "X-Session": "s" } };

test("a drained backend gets nothing new, keeps its sessions, and is back when it is undrained", async () => {
  await using cluster = await Cluster.start(
    [
      { name: "first", agent: { cpu: 1 } },
      { name: "second", agent: { cpu: 70 } },
    ],
    { config: CONFIG },
  );
  const { server } = cluster;
  expect((await call(server.target, "GET", "/", session)).text).toBe("first");
  const drained = await server.call("POST", "/clients/first/drain");
  expect([drained.status, drained.json]).toEqual([
    200,
    { client_id: "first", draining: true, idle: true, in_flight: 0, leases: 0 },
  ]);
  for (let round = 0; round < 8; round++) {
    expect((await call(server.target, "GET", "/")).text).toBe("second");
    expect((await call(server.target, "GET", "/", session)).text).toBe("first");
  }
  const [shown] = records((await server.call("GET", "/clients")).json);
  expect(shown).toMatchObject({ client_id: "first", draining: true, routable: false });
  expect((await server.call("POST", "/clients/first/undrain")).json).toEqual({
    client_id: "first",
    draining: false,
  });
  expect((await call(server.target, "GET", "/")).text).toBe("first");
});

test("with wait the answer comes when the last request has ended, or when the time is over", async () => {
  const gate = new Gate();
  const handle = async (): Promise<Response> => {
    await gate.pass();
    return new Response("late");
  };
  await using cluster = await Cluster.start([{ name: "only", handle }], { config: CONFIG });
  const { server } = cluster;
  const late = call(server.target, "GET", "/");
  await gate.waitFor(1);
  const busy = await server.call("POST", "/clients/only/drain?wait=1");
  expect(record(busy.json)).toMatchObject({ draining: true, idle: false, in_flight: 1 });
  let isAnswered = false;
  const idle = server.call("POST", "/clients/only/drain?wait=20").then((answer) => {
    isAnswered = true;
    return answer;
  });
  expect((await call(server.target, "GET", "/")).status).toBe(503);
  expect(isAnswered).toBe(false);
  gate.open();
  expect((await late).text).toBe("late");
  expect(record((await idle).json)).toMatchObject({ idle: true, in_flight: 0, leases: 0 });
});

test("an operator's drain outlives the agent's next registration and a restart, the agent's own does not", async () => {
  await using cluster = await Cluster.start([{ name: "a" }, { name: "b" }], { config: CONFIG });
  const { server } = cluster;
  const draining = async (): Promise<unknown[]> =>
    records((await server.call("GET", "/clients")).json).map((each) => each.draining);
  const token = cluster.agent("b").token ?? "";
  await server.call("POST", "/clients/a/drain");
  await server.call("POST", "/clients/b/drain", { headers: { "X-Opsen-Agent-Token": token } });
  expect(await draining()).toEqual([true, true]);
  await cluster.agent("a").register();
  expect(await draining()).toEqual([true, true]);
  expect((await server.stop()).code).toBe(0);
  await server.restart();
  await eventually("the drained are drained", async () => (await draining()).length === 2);
  expect(await draining()).toEqual([true, true]);
  await cluster.agent("b").register();
  expect(await draining()).toEqual([true, false]);
});

test("a stranger's token, an unknown id and a wait that is none are refused", async () => {
  await using cluster = await Cluster.start([{ name: "a" }], { config: CONFIG });
  const { server } = cluster;
  const stranger = { headers: { "X-Opsen-Agent-Token": "no such token" } };
  for (const change of ["drain", "undrain"]) {
    expectProblem(await server.call("POST", `/clients/a/${change}`, stranger), 403);
    expectProblem(await server.call("POST", `/clients/nobody/${change}`), 404);
    expectProblem(await server.call("GET", `/clients/a/${change}`), 405);
  }
  for (const wait of ["-1", "1.5", "soon", ""]) {
    expectProblem(await server.call("POST", `/clients/a/drain?wait=${wait}`), 400);
  }
  const [shown] = records((await server.call("GET", "/clients")).json);
  expect(shown).toMatchObject({ draining: false });
});

test("limits that an agent registers are those of its backend", async () => {
  await using server = await TestServer.start({ config: { max_in_flight_per_backend: 7 } });
  const register = (id: string, limits: object) =>
    server.call("POST", "/register", {
      json: { client_id: id, endpoint_url: "http://127.0.0.1:9001", ...limits },
    });
  expect((await register("a", { max_in_flight: 1, max_connections: 2 })).status).toBe(200);
  expectProblem(await register("b", { max_in_flight: -1 }), 400);
});

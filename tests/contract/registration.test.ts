/** `POST /register` and `DELETE /clients/{id}`: who is known, and who may say so. */
import { afterAll, expect, test } from "bun:test";
import { FakeAgent, registrationOf, reportOf } from "../support/fake-agent.ts";
import { record, records, string } from "../support/json.ts";
import { expectProblem } from "../support/problem.ts";
import { TestServer } from "../support/server.ts";

const server = await TestServer.start({ config: { server_key: "sesame", max_backends: 8 } });
afterAll(() => server[Symbol.asyncDispose]());

const key = "sesame";
const headers = { "X-API-Key": key };

async function clientIds(): Promise<unknown[]> {
  const answer = await server.call("GET", "/clients", { headers });
  return records(answer.json).map((each) => each.client_id);
}

async function endpointOf(id: string): Promise<unknown> {
  const answer = await server.call("GET", "/clients", { headers });
  return records(answer.json).find((each) => each.client_id === id)?.endpoint;
}

test("a registration is answered with the status and a token, as JSON", async () => {
  const agent = new FakeAgent(server, { id: "a1", endpoint: "http://127.0.0.1:9001", key });
  const answer = await agent.register();
  expect(answer.status).toBe(200);
  expect(answer.header("content-type")).toStartWith("application/json");
  const body = record(answer.json);
  expect(body.status).toBe("registered");
  expect(string(body.agent_token).length).toBeGreaterThanOrEqual(16);
  expect(await clientIds()).toContain("a1");
  expect((await agent.remove()).status).toBe(204);
});

test("unknown fields are ignored", async () => {
  const agent = new FakeAgent(server, { id: "a2", endpoint: "http://127.0.0.1:9001", key });
  expect((await agent.register({ colour: "green", nested: { a: [1] } })).status).toBe(200);
  await agent.remove();
});

test("the endpoint is the first of endpoints, then endpoint_url, then local_ip, then public_ip", async () => {
  const agent = new FakeAgent(server, { id: "a3", key });
  const both = { endpoint_url: "http://127.0.0.1:9002", endpoints: [{ url: "http://127.0.0.1:9003" }] };
  await agent.register(both);
  expect(await endpointOf("a3")).toBe("http://127.0.0.1:9003");
  await agent.register({ endpoint_url: "http://127.0.0.1:9002" });
  expect(await endpointOf("a3")).toBe("http://127.0.0.1:9002");
  await agent.register({ endpoints: null, local_ip: "127.0.0.1" });
  expect(await endpointOf("a3")).toBe("http://127.0.0.1:11000");
  await agent.register({ local_ip: undefined, public_ip: "203.0.113.77" });
  expect(await endpointOf("a3")).toBe("http://203.0.113.77:11000");
  await agent.remove();
});

test("an id held by a token is replaced only with that token", async () => {
  const holder = new FakeAgent(server, { id: "held", endpoint: "http://127.0.0.1:9004", key });
  expect((await holder.register()).status).toBe(200);
  expect((await holder.report()).status).toBe(200);
  expect((await holder.register({ endpoint_url: "http://127.0.0.1:9005" })).status).toBe(200);
  expect(await endpointOf("held")).toBe("http://127.0.0.1:9005");

  const wrongToken = { ...headers, "X-Opsen-Agent-Token": "not-the-token" };
  const body = registrationOf({ id: "held", endpoint: "http://127.0.0.1:9006" });
  expectProblem(await server.call("POST", "/register", { json: body, headers: wrongToken }), 409);
  expect(await endpointOf("held")).toBe("http://127.0.0.1:9005");
  await holder.remove();
});

test("reports and removals of an id are its holder's, whoever knows the key", async () => {
  const holder = await FakeAgent.join(server, { id: "mine", endpoint: "http://127.0.0.1:9004", key });
  for (const token of ["", "not-the-token", `${holder.token}0`]) {
    const other = { ...headers, "X-Opsen-Agent-Token": token };
    const report = await server.call("POST", "/stats", {
      json: reportOf({ id: "mine" }),
      headers: other,
    });
    expect([401, 403, 409]).toContain(report.status);
    expectProblem(report, report.status);
  }
  const stranger = { ...headers, "X-Opsen-Agent-Token": "not-the-token" };
  const removal = await server.call("DELETE", "/clients/mine", { headers: stranger });
  expect([401, 403, 409]).toContain(removal.status);
  expect(await clientIds()).toContain("mine");
  expect((await holder.remove()).status).toBe(204);
});

test("an agent that never sends tokens keeps working under the server key", async () => {
  const old = new FakeAgent(server, { id: "old", endpoint: "http://127.0.0.1:9007", key, keepToken: false });
  expect((await old.register()).status).toBe(200);
  expect((await old.report()).status).toBe(200);
  expect((await old.register({ hostname: "renamed" })).status).toBe(200);
  expect((await old.report()).status).toBe(200);
  // An id that nobody proves to hold may be registered again, but not drawn away to another address.
  expectProblem(await old.register({ endpoint_url: "http://127.0.0.1:9008" }), 409);
  expect(await endpointOf("old")).toBe("http://127.0.0.1:9007");
  expect((await server.call("DELETE", "/clients/old", { headers })).status).toBe(204);
});

test("equal endpoints never evict a living backend", async () => {
  const first = await FakeAgent.join(server, { id: "twin-1", endpoint: "http://127.0.0.1:9009", key });
  const second = await FakeAgent.join(server, { id: "twin-2", endpoint: "http://127.0.0.1:9009", key });
  const ids = await clientIds();
  expect(ids).toContain("twin-1");
  expect(ids).toContain("twin-2");
  await first.remove();
  await second.remove();
});

test("registering again keeps the figures: a routable backend stays routable", async () => {
  const agent = await FakeAgent.join(server, { id: "again", endpoint: "http://127.0.0.1:9010", key });
  expect((await agent.register()).status).toBe(200);
  const clients = records((await server.call("GET", "/clients", { headers })).json);
  expect(clients.find((each) => each.client_id === "again")).toMatchObject({ routable: true, reason: null });
  await agent.remove();
});

test("DELETE /clients/{id} is 204 once and 404 then", async () => {
  const agent = await FakeAgent.join(server, { id: "gone", endpoint: "http://127.0.0.1:9011", key });
  const removed = await agent.remove();
  expect(removed.status).toBe(204);
  expect(removed.text).toBe("");
  expect(await clientIds()).not.toContain("gone");
  expectProblem(await agent.remove(), 404);
  expectProblem(await agent.report(), 404);
});

test("a full table refuses with 503, says so in the log and evicts nothing", async () => {
  const room = 8 - (await clientIds()).length;
  const agents: FakeAgent[] = [];
  for (let at = 0; at < room; at++) {
    agents.push(await FakeAgent.join(server, { id: `fill-${at}`, endpoint: "http://127.0.0.1:9012", key }));
  }
  const before = await clientIds();
  const late = new FakeAgent(server, { id: "late", endpoint: "http://127.0.0.1:9013", key });
  const refused = await late.register();
  expectProblem(refused, 503);
  expect(refused.header("retry-after")).toMatch(/^\d+$/);
  expect(await clientIds()).toEqual(before);
  await server.log("a line about the full table", (entry) =>
    /max_backends|full/i.test(string(entry.message)),
  );

  await agents[0]?.remove();
  expect((await late.register()).status).toBe(200);
  await late.remove();
  for (const each of agents.slice(1)) await each.remove();
});

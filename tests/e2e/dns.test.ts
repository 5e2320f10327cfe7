/** Backends by name: what is asked of name servers, when, and where connections go. */
import { expect, test } from "bun:test";
import { BlackHole } from "../support/black-hole.ts";
import { DnsServer } from "../support/dns-server.ts";
import { eventually } from "../support/eventually.ts";
import { FakeAgent, registrationOf } from "../support/fake-agent.ts";
import { answer, RawBackend, refusingPort } from "../support/raw-backend.ts";
import { TestServer } from "../support/server.ts";

function configFor(dns: DnsServer, more = {}) {
  return { workers: 1, dns_servers: [`127.0.0.1:${dns.port}`], upstream_keepalive: false, ...more };
}

/** A backend on an address of its own. */
function at(host: string, port: number, name: string): Promise<RawBackend> {
  return RawBackend.start({ host, port, respond: (_request, wire) => answer(wire, 200, name) });
}

test("a name leads where its server says, for as long as that says", async () => {
  await using dns = await DnsServer.start();
  const port = await refusingPort();
  await using first = await at("127.0.0.2", port, "first");
  await using second = await at("127.0.0.3", port, "second");
  dns.records.set("b.test", { addresses: ["127.0.0.2"], ttlSeconds: 2 });
  await using server = await TestServer.start({ config: configFor(dns) });
  await FakeAgent.join(server, { id: "b", endpoint: `http://b.test:${port}` });
  const ask = async () => (await server.call("GET", "/x")).text;
  expect(await ask()).toBe("first");
  expect([first.requests.length, second.requests.length]).toEqual([1, 0]);
  const asked = dns.questions.get("b.test") ?? 0;
  dns.records.set("b.test", { addresses: ["127.0.0.3"], ttlSeconds: 2 });
  for (let count = 0; count < 5; count++) await ask();
  // Nobody asks again before the time is over.
  expect(dns.questions.get("b.test")).toBe(asked);
  await eventually("the name leads elsewhere", async () => (await ask()) === "second");
  dns.isFailing = true;
  await eventually("the silence of the name server is told", async () => {
    expect(await ask()).toBe("second");
    return tells(server, "its last addresses are used");
  });
});

test.each([
  ["refuses", "127.0.0.9"],
  ["answers no SYN", "127.0.0.1"],
])("an address that %s is passed over for another one of the name", async (_how, bad) => {
  await using dns = await DnsServer.start();
  await using hole = await BlackHole.open();
  await using good = await at("127.0.0.2", hole.port, "good");
  dns.records.set("b.test", { addresses: [bad, "127.0.0.2"], ttlSeconds: 60 });
  await using server = await TestServer.start({ config: configFor(dns) });
  await FakeAgent.join(server, { id: "b", endpoint: `http://b.test:${hole.port}` });
  for (let count = 0; count < 6; count++) {
    expect((await server.call("POST", "/x", { body: "x" })).text).toBe("good");
  }
  expect(good.requests).toHaveLength(6);
});

test("T-25: a name that turns to where no backend may be is not connected to", async () => {
  await using dns = await DnsServer.start();
  await using inner = await RawBackend.start();
  const name = "rebinding.test";
  dns.records.set(name, { addresses: ["203.0.113.7"], ttlSeconds: 1 });
  await using server = await TestServer.start({
    config: configFor(dns, {
      server_key: "k",
      trusted_proxies: ["127.0.0.1"],
      connect_timeout_seconds: 1,
      breaker_enabled: false,
    }),
  });
  const json = registrationOf({ id: "evil", endpoint: `http://${name}:${inner.port}` });
  const headers = { "X-API-Key": "k", "X-Forwarded-For": "203.0.113.9" };
  expect((await server.call("POST", "/register", { json, headers })).status).toBe(200);
  const reporter = new FakeAgent(server, { id: "evil", endpoint: "", key: "k", keepToken: false });
  expect((await reporter.report()).status).toBe(200);
  dns.records.set(name, { addresses: ["127.0.0.1", "169.254.169.254"], ttlSeconds: 1 });
  await eventually("the name is refused for where it leads now", async () => {
    expect([502, 504]).toContain((await server.call("GET", "/x")).status);
    return tells(server, "leads where no backend may be");
  });
  expect(inner.connections).toHaveLength(0);
});

function tells(server: TestServer, text: string): boolean {
  return server.logs().some(({ message }) => String(message).includes(text));
}

/** Endpoints by name and by IPv6, and listeners on other addresses. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { header } from "../support/http-message.ts";
import { RawBackend } from "../support/raw-backend.ts";
import { TestServer } from "../support/server.ts";

const HAS_IPV6 =
  existsSync("/proc/net/if_inet6") && /^0{31}1 /m.test(readFileSync("/proc/net/if_inet6", "utf8"));

test("a backend by name is resolved, with its name as Host", async () => {
  await using server = await TestServer.start();
  await using backend = await RawBackend.start();
  await FakeAgent.join(server, { id: "b", endpoint: `http://localhost:${backend.port}` });
  expect((await server.call("GET", "/x")).status).toBe(200);
  const [request] = backend.requests;
  expect(request && header(request, "host")).toBe(`localhost:${backend.port}`);
});

test("a name that does not resolve is passed over like a refusal", async () => {
  await using server = await TestServer.start();
  await using backend = new HttpBackend({ name: "alive" });
  await FakeAgent.join(server, { id: "lost", endpoint: "http://no-such-host.invalid:80", cpu: 1 });
  const alone = await server.call("GET", "/x");
  expect([alone.status, alone.header("x-opsen-error")]).toEqual([502, "bad_gateway"]);
  await FakeAgent.join(server, { id: "alive", endpoint: backend.url, cpu: 60 });
  expect((await server.call("GET", "/x")).text).toBe("alive");
});

test.skipIf(!HAS_IPV6)("IPv6 works on both sides, and shows bare in X-Forwarded-For", async () => {
  await using server = await TestServer.start({ config: { host: "::1" } });
  await using backend = await RawBackend.start({ host: "::1" });
  await FakeAgent.join(server, { id: "six", endpoint: `http://[::1]:${backend.port}` });
  expect((await server.call("GET", "/x")).status).toBe(200);
  const [request] = backend.requests;
  expect(request && header(request, "x-forwarded-for")).toBe("::1");
  expect(request && header(request, "host")).toBe(`[::1]:${backend.port}`);
});

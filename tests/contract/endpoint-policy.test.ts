/** Where backends may live: loopback only for loopback agents, and what the two lists say. */
import { expect, test } from "bun:test";
import { registrationOf } from "../support/fake-agent.ts";
import { expectFieldError } from "../support/problem.ts";
import type { Answer } from "../support/raw-client.ts";
import { TestServer } from "../support/server.ts";

function register(server: TestServer, endpoint: string, ip?: string): Promise<Answer> {
  const headers: Record<string, string> = ip === undefined ? {} : { "X-Forwarded-For": ip };
  const json = registrationOf({ id: "p", endpoint });
  return server.call("POST", "/register", { json, headers: { "X-API-Key": "k", ...headers } });
}

test("an agent elsewhere cannot register a loopback endpoint", async () => {
  await using server = await TestServer.start({
    config: { server_key: "k", trusted_proxies: ["127.0.0.1"] },
  });
  for (const endpoint of ["http://127.0.0.1:9001", "http://localhost:9001", "http://[::1]:9001"]) {
    expectFieldError(await register(server, endpoint, "203.0.113.9"), "endpoint_url");
  }
  expect((await register(server, "http://203.0.113.9:9001", "203.0.113.9")).status).toBe(200);
});

test("denied_endpoint_cidrs adds to the deny list, allowed_endpoint_cidrs restricts", async () => {
  await using denying = await TestServer.start({
    config: { server_key: "k", denied_endpoint_cidrs: ["10.0.0.0/8"] },
  });
  expectFieldError(await register(denying, "http://10.1.2.3:80"), "endpoint_url");
  expect((await register(denying, "http://192.0.2.1:80")).status).toBe(200);
  await using allowing = await TestServer.start({
    config: { server_key: "k", allowed_endpoint_cidrs: ["10.0.0.0/8", "127.0.0.0/8"] },
  });
  expectFieldError(await register(allowing, "http://192.0.2.1:80"), "endpoint_url");
  expect((await register(allowing, "http://10.1.2.3:80")).status).toBe(200);
});

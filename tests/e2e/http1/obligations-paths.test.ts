/** Obligations C-80 to C-88: paths, queries, and what could be injected by them. */
import { afterAll, expect, test } from "bun:test";
import { FakeAgent } from "../../support/fake-agent.ts";
import { TestServer } from "../../support/server.ts";

const server = await TestServer.start({ config: { workers: 1 } });
afterAll(() => server[Symbol.asyncDispose]());

test.each(["hostname", "client_id"])(
  "C-88 an agent's %s cannot carry a line end into a head",
  async (field) => {
    for (const end of ["\r\n", "\n", "\r", "\0"]) {
      const agent = new FakeAgent(server, { id: "injector", endpoint: "http://127.0.0.1:9" });
      const got = await agent.register({ [field]: `a${end}X-Injected: 1` });
      expect({ end, status: got.status }).toEqual({ end, status: 400 });
    }
  },
);

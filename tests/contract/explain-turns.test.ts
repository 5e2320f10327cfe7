/** `POST /route/explain` beside `POST /route` where backends are taken in turn. */
import { expect, test } from "bun:test";
import { FakeAgent } from "../support/fake-agent.ts";
import { array, record } from "../support/json.ts";
import { TestServer } from "../support/server.ts";

function url(port: number): string {
  return `http://127.0.0.1:${port}`;
}

test.each(["round_robin", "weighted_round_robin", "least_connections", "least_time"])(
  "%s: what is explained is what the next request gets, whatever its path",
  async (strategy) => {
    await using server = await TestServer.start({ config: { strategy, tiers: [{ name: "tiny", vcpu: 0 }] } });
    // Leaves a group of patterns behind that nobody has any more.
    const gone = await FakeAgent.join(server, {
      id: "gone",
      endpoints: [{ url: url(9000), paths: ["/x", "/y/*"] }],
    });
    for (const id of ["plain-1", "plain-2"]) await FakeAgent.join(server, { id, endpoint: url(9001) });
    const check = async (path: string | undefined): Promise<void> => {
      const json = { tier: "tiny", ...(path !== undefined && { path }) };
      const explained = record((await server.call("POST", "/route/explain", { json })).json);
      const routed = record((await server.call("POST", "/route", { json })).json);
      // The answers of the control plane are none of theirs.
      const scores = new Set(array(explained.backends).map((each) => record(each).score));
      if (strategy === "least_time") expect([...scores].filter((score) => score !== null)).toEqual([0.1]);
      expect({ path, chosen: explained.chosen }).toEqual({ path, chosen: routed.client_id });
    };
    for (let round = 0; round < 3; round++) for (const path of ["/x", "/z", undefined]) await check(path);
    await gone.remove();
    for (const id of ["x-1", "x-2"]) {
      await FakeAgent.join(server, { id, endpoints: [{ url: url(9002), paths: ["/x"] }] });
    }
    for (let round = 0; round < 4; round++)
      for (const path of ["/x", undefined, "/z", "/x"]) await check(path);
  },
);

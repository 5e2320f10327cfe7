/** Which paths are proxied. */
import { expect, test } from "bun:test";
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { TestServer } from "../support/server.ts";

async function statuses(
  endpoints: readonly string[],
  paths: readonly string[],
): Promise<Record<string, number>> {
  await using backend = new HttpBackend({ name: "b" });
  await using server = await TestServer.start({ config: { proxy_endpoints: endpoints, workers: 1 } });
  await FakeAgent.join(server, { id: "b", endpoint: backend.url });
  const found: Record<string, number> = {};
  for (const path of paths) {
    const answer = await server.call("GET", path);
    found[path] = answer.status;
    if (answer.status === 404) {
      const seen = [answer.header("x-opsen-error"), answer.header("content-type")?.split(";")[0]];
      if (seen.join() !== "not_found,text/plain") throw new Error(`${path}: ${seen.join()}`);
    }
  }
  return found;
}

test("prefixes match on segment boundaries", async () => {
  const found = await statuses(
    ["/api", "/v1/"],
    ["/api", "/api/", "/api/x", "/api?x=1", "/apiary", "/API", "/", "/x/api", "/v1/x", "/v1beta"],
  );
  expect(found).toEqual({
    "/api": 200,
    "/api/": 200,
    "/api/x": 200,
    "/api?x=1": 200,
    "/apiary": 404,
    "/API": 404,
    "/": 404,
    "/x/api": 404,
    "/v1/x": 200,
    "/v1beta": 404,
  });
});

test.each(["/", "*", "/*"])("%s means all paths", async (all) => {
  const found = await statuses([all], ["/", "/x", "/x/y?z", "//", "/register/", "/healthy"]);
  expect(new Set(Object.values(found))).toEqual(new Set([200]));
});

test("nothing configured, nothing proxied", async () => {
  expect(await statuses([], ["/", "/x"])).toEqual({ "/": 404, "/x": 404 });
});

test("a path cannot climb out of the proxied prefixes", async () => {
  const hidden = ["/api/../secret", "/api/%2e%2e/secret", "/api/.%2E/x", "/api/./x", "/api/..%2fsecret"];
  const found = await statuses(["/api"], [...hidden, "/api/...", "/api/a.b", "/api/.hidden"]);
  for (const path of hidden) expect({ path, status: found[path] }).toEqual({ path, status: 400 });
  for (const path of ["/api/...", "/api/a.b", "/api/.hidden"]) expect(found[path]).toBe(200);
});

test("where every path is proxied, dot segments pass as they are", async () => {
  expect(await statuses(["/"], ["/a/../b", "/a/%2e%2e/b"])).toEqual({ "/a/../b": 200, "/a/%2e%2e/b": 200 });
});

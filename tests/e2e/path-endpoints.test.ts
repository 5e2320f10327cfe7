/** Backends with several endpoints by path: exact, then prefix, then wildcard; longer wins. */
import { expect, test } from "bun:test";
import { FakeAgent } from "../support/fake-agent.ts";
import { HttpBackend } from "../support/http-backend.ts";
import { TestServer } from "../support/server.ts";

interface Setting {
  readonly server: TestServer;
  readonly ask: (path: string) => Promise<string>;
}

/** Runs `body` with one backend whose endpoints are named by their place in the list. */
async function withEndpoints(
  patterns: readonly (readonly string[])[],
  body: (setting: Setting) => Promise<void>,
): Promise<void> {
  await using server = await TestServer.start({ config: { workers: 1 } });
  await using stack = new AsyncDisposableStack();
  const endpoints = patterns.map((paths, at) => {
    const backend = stack.use(new HttpBackend({ name: `e${at}` }));
    return { url: backend.url, paths };
  });
  await FakeAgent.join(server, { id: "multi", endpoints });
  await body({
    server,
    ask: async (path) => {
      const answer = await server.call("GET", path);
      return answer.status === 200 ? answer.text : `${answer.status} ${answer.header("x-opsen-error")}`;
    },
  });
}

test("exact beats prefix beats wildcard beats catch-all", async () => {
  const patterns = [["/*"], ["/api/*"], ["/api"], ["/api/users"]];
  await withEndpoints(patterns, async ({ ask }) => {
    expect(await ask("/api/users")).toBe("e3");
    expect(await ask("/api/users?x=/other")).toBe("e3");
    expect(await ask("/api/users/7")).toBe("e3");
    expect(await ask("/api/other")).toBe("e2");
    expect(await ask("/api")).toBe("e2");
    expect(await ask("/apiary")).toBe("e0");
    expect(await ask("/")).toBe("e0");
  });
});

test("the manual's example", async () => {
  const patterns = [["/v1", "/api", "/auth"], ["/monitor/*"], ["/api/*/users"], ["/*"]];
  await withEndpoints(patterns, async ({ ask }) => {
    expect(await ask("/v1/x")).toBe("e0");
    expect(await ask("/auth")).toBe("e0");
    expect(await ask("/monitor/cpu/0")).toBe("e1");
    expect(await ask("/api/v2/users")).toBe("e0");
    expect(await ask("/else")).toBe("e3");
  });
});

test("among wildcards and among prefixes the longer wins, then the first", async () => {
  const patterns = [["/a/*"], ["/a/b/*"], ["/a/?/c"], ["/p"], ["/p/q"], ["/p/q"]];
  await withEndpoints(patterns, async ({ ask }) => {
    expect(await ask("/a/x")).toBe("e0");
    expect(await ask("/a/b/x")).toBe("e1");
    expect(await ask("/a/z/c")).toBe("e2");
    expect(await ask("/p/x")).toBe("e3");
    expect(await ask("/p/q/x")).toBe("e4");
  });
});

test("a path that nothing serves goes to the first endpoint", async () => {
  await withEndpoints([["/a"], ["/b"]], async ({ ask }) => {
    expect(await ask("/b/x")).toBe("e1");
    expect(await ask("/c")).toBe("e0");
  });
});

test("a backend that serves the path is preferred to a better one that does not", async () => {
  await using server = await TestServer.start({ config: { workers: 1 } });
  await using calm = new HttpBackend({ name: "calm" });
  await using media = new HttpBackend({ name: "media" });
  await FakeAgent.join(server, { id: "calm", endpoints: [{ url: calm.url, paths: ["/api"] }], cpu: 1 });
  await FakeAgent.join(server, { id: "media", endpoints: [{ url: media.url, paths: ["/media"] }], cpu: 70 });
  expect((await server.call("GET", "/media/1")).text).toBe("media");
  expect((await server.call("GET", "/api/1")).text).toBe("calm");
  expect((await server.call("GET", "/other")).text).toBe("calm");
});

test("a hostile pattern and path take no time worth naming", async () => {
  await withEndpoints([[`/${"*a".repeat(40)}b`], ["/*"]], async ({ ask }) => {
    expect(await ask(`/${"a".repeat(6000)}`)).toBe("e1");
  });
});

import { expect, test } from "bun:test";
import { SECRET_HEADER } from "../../../../server/control/api/index.ts";
import { expectProblem, startApi } from "./support.ts";

test("only workers are answered", async () => {
  using api = startApi();
  for (const headers of [{}, { [SECRET_HEADER]: "guess" }, { [SECRET_HEADER]: "" }]) {
    const answer = await api.raw(new Request("http://localhost/health", { headers }));
    expect(answer.status).toBe(403);
  }
  expect((await api.call("GET", "/health")).status).toBe(200);
});

test.each([
  ["GET", "/register", "POST"],
  ["PUT", "/stats", "POST"],
  ["POST", "/clients", "GET, HEAD"],
  ["GET", "/clients/purge", "POST, DELETE"],
  ["GET", "/clients/purge-pending", "POST, DELETE"],
  ["GET", "/clients/some-id", "DELETE"],
  ["GET", "/route", "POST"],
  ["GET", "/route/explain", "POST"],
  ["GET", "/leases/0123", "PUT, DELETE"],
  ["DELETE", "/leases", "GET, HEAD"],
  ["POST", "/ready", "GET, HEAD"],
  ["POST", "/swagger", "GET, HEAD"],
])("%s %s is a 405 that allows %s", async (method, path, allow) => {
  using api = startApi();
  const answer = await api.call(method, path);
  expectProblem(answer, 405);
  expect(answer.headers.get("Allow")).toStartWith(allow);
});

test.each([
  "/",
  "/nothing",
  "/clients/",
  "/clients/a/b",
  "/leases/",
  "/swagger/nothing",
  "/Register",
  "//register",
])("%s is a 404", async (path) => {
  using api = startApi();
  expectProblem(await api.call("GET", path), 404);
});

test("OPTIONS tells the methods of a path", async () => {
  using api = startApi();
  const answer = await api.call("OPTIONS", "/leases");
  expect(answer.status).toBe(204);
  expect(answer.headers.get("Allow")).toBe("GET, HEAD");
});

test("HEAD is answered like GET", async () => {
  using api = startApi();
  for (const path of ["/health", "/clients", "/leases", "/swagger"]) {
    expect((await api.call("HEAD", path)).status).toBe(200);
  }
});

test("the client's Host header has no part in routing", async () => {
  using api = startApi();
  for (const url of ["http://a/health", "http://[::1]/health", "http://x.y.z:1/health"]) {
    const { headers } = new Request(url, { headers: { [SECRET_HEADER]: "the workers' secret" } });
    expect((await api.raw(new Request(url, { headers }))).status).toBe(200);
  }
});

test("a mistake of ours is a 500 that tells nothing, and a log line that tells all", async () => {
  using api = startApi({ location: failing });
  const answer = await api.call("POST", "/route/explain", { body: {} });
  expectProblem(answer, 500);
  expect(answer.text).not.toContain("roof");
  expect(api.logged.join("\n")).toContain("the roof fell in");
});

function failing(): never {
  throw new Error("the roof fell in");
}

import { describe, expect, test } from "bun:test";
import { record } from "../../../support/json.ts";
import { idleReport } from "../fixtures.ts";
import { expectProblem, join, START_MS, startApi, textLike, tokenOf } from "./support.ts";

const BACKEND = { client_id: "b1", endpoint_url: "http://127.0.0.1:9000" };
const TOKEN = "X-Opsen-Agent-Token";

describe("POST /register", () => {
  test("answers with a token, whatever the content type", async () => {
    using api = startApi();
    for (const type of ["application/json", "text/plain", ""]) {
      const headers = { "Content-Type": type };
      const answer = await api.call("POST", "/register", {
        body: { ...BACKEND, client_id: `b${type.length}` },
        headers,
      });
      expect(answer.json).toEqual({ status: "registered", agent_token: textLike(/^\S{16,}$/) });
      expect(answer.headers.get("Content-Type")).toBe("application/json");
      expect(answer.text).toEndWith("}\n");
    }
  });

  test("a living backend is replaced with its token alone", async () => {
    using api = startApi();
    const first = await api.call("POST", "/register", { body: BACKEND });
    await api.call("POST", "/stats", { body: idleReport("b1"), headers: { [TOKEN]: tokenOf(first) } });
    const other = { body: { ...BACKEND, endpoint_url: "http://127.0.0.1:9001" } };
    expectProblem(await api.call("POST", "/register", { ...other, headers: { [TOKEN]: "wrong" } }), 409);
    const again = await api.call("POST", "/register", { ...other, headers: { [TOKEN]: tokenOf(first) } });
    expect(again.status).toBe(200);
  });

  test("every wrong field at once, with the rule and what was there", async () => {
    using api = startApi();
    const body = {
      client_id: "has space",
      latitude: 91,
      total_gpus: 1.5,
      hostname: "x".repeat(300),
      endpoints: [{ url: "http://127.0.0.1:1" }, { url: 7, paths: "x" }],
    };
    const answer = await api.call("POST", "/register", { body });
    expectProblem(answer, 400);
    expect(answer.json).toMatchObject({
      errors: [
        {
          field: "client_id",
          rule: "must be 1 to 128 letters, digits or . _ : @ + ~ -, but not purge, purge-pending, . or ..",
          got: "has space",
        },
        { field: "latitude", rule: "must be a number from -90 to 90", got: 91 },
        { field: "total_gpus", rule: "must be a whole number from 0 to 32", got: 1.5 },
        {
          field: "hostname",
          rule: "must be text of at most 256 characters without control characters",
          got: `${"x".repeat(60)}…`,
        },
        { field: "endpoints[1].url", rule: "must be text of 1 to 2048 characters", got: 7 },
        { field: "endpoints[1].paths", rule: "must be a list of at most 256", got: "x" },
      ],
    });
    expect((await api.call("GET", "/clients")).json).toEqual([]);
  });

  test("an id that is a call of ours is refused", async () => {
    using api = startApi();
    const { paths } = record((await api.call("GET", "/swagger/json")).json);
    const calls = Object.keys(record(paths)).filter((path) => /^\/clients\/[^{/]+/.test(path));
    expect(calls).toHaveLength(2);
    for (const id of [...calls.map((path) => path.slice("/clients/".length)), ".", ".."]) {
      const answer = await api.call("POST", "/register", { body: { ...BACKEND, client_id: id } });
      expectProblem(answer, 400);
      expect(answer.json).toMatchObject({ errors: [{ field: "client_id", got: id }] });
    }
  });

  test("endpoints that are no http URL or that nobody should reach are refused by name", async () => {
    using api = startApi();
    for (const url of ["ftp://127.0.0.1/", "http://169.254.169.254/", "not a url"]) {
      const answer = await api.call("POST", "/register", { body: { client_id: "b1", endpoint_url: url } });
      expectProblem(answer, 400);
      expect(answer.json).toMatchObject({ errors: [{ field: "endpoint_url" }] });
    }
  });

  test("a full table is a 503 with Retry-After and evicts nobody", async () => {
    using api = startApi({ config: "max_backends: 1\n" });
    await join(api, "b1");
    const answer = await api.call("POST", "/register", { body: { ...BACKEND, client_id: "b2" } });
    expectProblem(answer, 503);
    expect(answer.headers.get("Retry-After")).toMatch(/^[1-9]\d*$/);
    expect((await api.call("GET", "/clients")).json).toMatchObject([{ client_id: "b1" }]);
    expect(api.logged.join("\n")).toContain("full");
  });
});

function at(ms: number): string {
  return new Date(START_MS + ms).toISOString();
}

describe("POST /stats", () => {
  test("ok, then ignored when older, then 404 for a stranger", async () => {
    using api = startApi();
    const token = tokenOf(await api.call("POST", "/register", { body: BACKEND }));
    const send = (fields: object) =>
      api.call("POST", "/stats", { body: { ...idleReport("b1"), ...fields }, headers: { [TOKEN]: token } });
    expect((await send({ timestamp: at(0), cpu_usage_avg: [1] })).json).toEqual({ status: "ok" });
    const older = await send({ timestamp: at(-5000), cpu_usage_avg: [99] });
    expect(older.status).toBe(200);
    expect(older.json).toEqual({ status: "ignored", detail: textLike(/\w/) });
    expect((await api.call("GET", "/clients")).json).toMatchObject([{ cpu_usage_avg: [1] }]);
    expectProblem(await send({ client_id: "stranger" }), 404);
    // Also when the report is wrong: what helps is to register.
    expectProblem(await api.call("POST", "/stats", { body: { client_id: "stranger" } }), 404);
  });

  test("a report with another's token is refused", async () => {
    using api = startApi();
    const token = tokenOf(await api.call("POST", "/register", { body: BACKEND }));
    await api.call("POST", "/stats", { body: idleReport("b1"), headers: { [TOKEN]: token } });
    const answer = await api.call("POST", "/stats", {
      body: idleReport("b1"),
      headers: { [TOKEN]: "wrong" },
    });
    expectProblem(answer, 403);
  });

  test("absurd figures are named, and change nothing", async () => {
    using api = startApi();
    await join(api, "b1", { cpu: [5, 5] });
    const body = '{"client_id":"b1","cpu_usage_avg":[5,1e999],"memory_total_gb":-1,"disk_avail_gb":"much"}';
    const answer = await api.call("POST", "/stats", { body });
    expectProblem(answer, 400);
    expect(answer.json).toMatchObject({
      errors: [
        { field: "cpu_usage_avg[1]", rule: "must be a number from 0 to 100", got: "Infinity" },
        { field: "memory_total_gb", rule: "must be a number from 0 to 1000000000", got: -1 },
        { field: "disk_avail_gb", rule: "must be a number from 0 to 1000000000", got: "much" },
        { field: "memory_used_gb", rule: "must be a number from 0 to 1000000000", got: null },
        { field: "memory_avail_gb", rule: "must be a number from 0 to 1000000000", got: null },
        { field: "disk_total_gb", rule: "must be a number from 0 to 1000000000", got: null },
        { field: "disk_used_gb", rule: "must be a number from 0 to 1000000000", got: null },
      ],
    });
    expect((await api.call("GET", "/clients")).json).toMatchObject([{ cpu_usage_avg: [5, 5] }]);
  });

  test("amounts above their totals and devices listed twice are named beside what is wrong otherwise", async () => {
    using api = startApi();
    await join(api, "b1");
    const gpu = { device_id: 3, memory_used_gb: 100, memory_total_gb: 80 };
    const body = {
      ...idleReport("b1"),
      cpu_usage_avg: [],
      memory_used_gb: 65,
      memory_avail_gb: 64.5,
      disk_avail_gb: 99_999,
      gpus: [{ device_id: 3 }, gpu],
    };
    const answer = await api.call("POST", "/stats", { body });
    expectProblem(answer, 400);
    expect(record(answer.json).errors).toEqual([
      { field: "cpu_usage_avg", rule: "must be a list of 1 to 4096", got: "a list of 0" },
      { field: "memory_used_gb", rule: "must not exceed memory_total_gb (64)", got: 65 },
      { field: "disk_avail_gb", rule: "must not exceed disk_total_gb (500)", got: 99_999 },
      { field: "gpus[1].device_id", rule: "must differ from that of gpus[0]", got: 3 },
      { field: "gpus[1].memory_used_gb", rule: "must not exceed memory_total_gb (80)", got: 100 },
    ]);
  });

  test("a time far ahead counts as now, which is said and logged once", async () => {
    using api = startApi();
    const token = tokenOf(await api.call("POST", "/register", { body: BACKEND }));
    const send = (fields: object) =>
      api.call("POST", "/stats", { body: { ...idleReport("b1"), ...fields }, headers: { [TOKEN]: token } });
    for (let round = 0; round < 2; round++) {
      const answer = await send({ timestamp: "2099-01-01T00:00:00Z" });
      expect(answer.json).toEqual({ status: "ok", detail: textLike(/ahead of this server's clock/) });
    }
    expect((await send({})).json).toEqual({ status: "ok" });
    expect(api.logged.filter((line) => line.includes("clock of a backend is ahead"))).toHaveLength(1);
  });

  test("a body that breaks off is no mistake of ours", async () => {
    using api = startApi();
    const body = new ReadableStream({
      pull: (controller) => controller.error(new Error("gone")),
    });
    const headers = { "X-Opsen-Secret": "the workers' secret" };
    const answer = await api.raw(new Request("http://localhost/stats", { method: "POST", headers, body }));
    expect(answer.status).toBe(400);
    expect(api.logged).toEqual([]);
  });

  test("a malformed time is named", async () => {
    using api = startApi();
    const token = tokenOf(await api.call("POST", "/register", { body: BACKEND }));
    const headers = { [TOKEN]: token };
    const answer = await api.call("POST", "/stats", {
      body: { ...idleReport("b1"), timestamp: "noon" },
      headers,
    });
    expectProblem(answer, 400);
    expect(answer.json).toMatchObject({ errors: [{ field: "timestamp" }] });
  });
});

describe("bodies that are no JSON", () => {
  test.each([
    [
      '{"client_id":"b1","cpu_usage_avg":[1,NaN]}',
      "NaN is not a JSON value (line 1, column 38, in cpu_usage_avg[1])",
    ],
    ['{"client_id":\n"b1",}', "expected a name in double quotes (line 2, column 6"],
    ["", "The body is empty"],
    [" \n", "The body is empty"],
    ["{", "the text ends too early"],
    ["client_id=b1", "is not a JSON value"],
    ['{} {"a":1}', "something follows the value"],
    ["[".repeat(100_000), "nested too deep"],
  ])("%p", async (body, words) => {
    using api = startApi();
    for (const path of ["/register", "/stats", "/route/explain"]) {
      expect(expectProblem(await api.call("POST", path, { body }), 400)).toContain(words);
    }
  });

  test.each([["[]"], ["null"], ["7"], ['"text"'], ["true"]])("%s is no object", async (body) => {
    using api = startApi();
    const answer = await api.call("POST", "/register", { body });
    expect(expectProblem(answer, 400)).toContain("must be an object");
  });

  test("bytes that are no UTF-8", async () => {
    using api = startApi();
    const url = "http://localhost/register";
    const headers = { "X-Opsen-Secret": "the workers' secret" };
    const answer = await api.raw(
      new Request(url, { method: "POST", headers, body: new Uint8Array([0x22, 0xff, 0x22]) }),
    );
    expect(answer.status).toBe(400);
  });

  test("a body beyond the limit is a 413", async () => {
    using api = startApi({ config: "max_request_body_bytes: 100\n" });
    expectProblem(await api.call("POST", "/register", { body: { client_id: "x".repeat(200) } }), 413);
  });
});

test("more calls for one id than can wait are 503s with Retry-After", async () => {
  using api = startApi();
  const calls = Array.from({ length: 30 }, () => api.call("POST", "/register", { body: BACKEND }));
  const answers = await Promise.all(calls);
  const busy = answers.filter(({ status }) => status === 503);
  expect(busy.length).toBeWithin(1, 14);
  for (const answer of busy) {
    expectProblem(answer, 503);
    expect(answer.headers.get("Retry-After")).toBe("1");
  }
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(30 - busy.length);
});

test("DELETE /clients/{id} forgets once", async () => {
  using api = startApi();
  await join(api, "b.1:x");
  const removed = await api.call("DELETE", "/clients/b.1%3Ax");
  expect(removed.status).toBe(204);
  expect(removed.text).toBe("");
  expectProblem(await api.call("DELETE", "/clients/b.1%3Ax"), 404);
  expectProblem(await api.call("DELETE", "/clients/%00%ff"), 404);
  expect((await api.call("GET", "/clients")).json).toEqual([]);
});

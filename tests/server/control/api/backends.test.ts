import { describe, expect, test } from "bun:test";
import { newPickQuery, Pick } from "../../../../core/balancing/pick.ts";
import { fixed } from "../../../../server/control/api/client-view.ts";
import { records } from "../../../support/json.ts";
import { type ApiUnderTest, expectProblem, join, START_MS, startApi, textLike } from "./support.ts";

function take(api: ApiUnderTest, tier: number, kind: "route" | "request"): Pick {
  const query = newPickQuery(tier);
  query.nowMs = api.nowMs;
  query.kind = kind;
  const pick = new Pick();
  expect(api.picker.pick(query, pick)).toBe("picked");
  return pick;
}

describe("GET /clients", () => {
  test("every string of the original to the letter, and the numbers", async () => {
    using api = startApi();
    await join(api, "b1", {
      cpu: [12.5, 0, 99.96, 12.25],
      memoryGb: [8, 32],
      registration: { city: "Oslo", country: "NO", total_gpus: 2, gpu_models: ["L4", "L4"] },
      report: {
        gpus: [
          {
            device_id: 0,
            name: "L4",
            utilization_pct: 45.5,
            memory_used_gb: 1.25,
            memory_total_gb: 24,
            temperature_c: 64.5,
            power_draw_w: 72.4,
          },
          { device_id: 1 },
        ],
      },
    });
    const answer = await api.call("GET", "/clients");
    expect(answer.json).toEqual([
      {
        client_id: "b1",
        cpu_cores: 4,
        cpu_usage: ["12.5%", "0.0%", "100.0%", "12.2%"],
        disk_gb: "0.0/500.0",
        endpoint: "http://127.0.0.1:9000",
        gpu_stats: [
          {
            device_id: 0,
            name: "L4",
            utilization: "45.5%",
            vram: "1.2/24.0 GB",
            temperature: "64°C",
            power_draw: "72W",
          },
          { device_id: 1, name: "" },
        ],
        gpu_models: ["L4", "L4"],
        total_gpus: 2,
        health_status: "unknown",
        hostname: "b1",
        is_active: true,
        last_health_check: "0001-01-01T00:00:00Z",
        last_seen: "2026-01-02T03:04:05Z",
        latency_ms: "0.0",
        location: "Oslo, NO",
        memory_gb: "8.0/32.0",
        cpu_usage_avg: [12.5, 0, 99.96, 12.25],
        memory_total_gb: 32,
        memory_used_gb: 8,
        memory_avail_gb: 24,
        disk_total_gb: 500,
        disk_used_gb: 0,
        disk_avail_gb: 500,
        gpus: [
          {
            device_id: 0,
            name: "L4",
            utilization_pct: 45.5,
            memory_used_gb: 1.25,
            memory_total_gb: 24,
            temperature_c: 64.5,
            power_draw_w: 72.4,
          },
          { device_id: 1 },
        ],
        endpoints: [{ url: "http://127.0.0.1:9000", paths: [] }],
        in_flight: 0,
        leases: 0,
        draining: false,
        routable: true,
        reason: null,
      },
    ]);
  });

  test("before the first report there are no figures, and no GPU strings without GPUs", async () => {
    using api = startApi();
    await api.call("POST", "/register", { body: { client_id: "b1", endpoint_url: "http://127.0.0.1:9000" } });
    const [client] = records((await api.call("GET", "/clients")).json);
    expect(client).toMatchObject({
      cpu_cores: 0,
      cpu_usage: [],
      memory_gb: "0.0/0.0",
      memory_total_gb: null,
      location: ", ",
      routable: false,
      reason: textLike(/\w/),
    });
    expect(client).not.toContainAnyKeys(["gpu_stats", "gpu_models", "total_gpus"]);
  });

  test("ordered by id; active_only is the exact word true", async () => {
    using api = startApi();
    for (const id of ["b", "a", "c"]) await join(api, id);
    const ids = async (query: string): Promise<unknown[]> => {
      const { json } = await api.call("GET", `/clients${query}`);
      return records(json).map((client) => client.client_id);
    };
    expect(await ids("")).toEqual(["a", "b", "c"]);
    api.nowMs = START_MS + 6 * 60_000;
    await join(api, "b");
    expect(await ids("?active_only=true")).toEqual(["b"]);
    for (const query of ["", "?active_only=1", "?active_only=True", "?active_only=", "?other=true"]) {
      expect(await ids(query)).toEqual(["a", "b", "c"]);
    }
  });
});

test("numbers are written as Go's %.1f and %.0f write them", () => {
  // Exact ties go to the even digit; what only looks like a tie is above or below one.
  expect([0.25, 0.75, 12.25, 12.75, 0.05, 0.15, 0.35, 99.95, 100].map((n) => fixed(n, 1))).toEqual([
    "0.2",
    "0.8",
    "12.2",
    "12.8",
    "0.1",
    "0.1",
    "0.3",
    "100.0",
    "100.0",
  ]);
  expect([0.5, 1.5, 2.5, 64.49, 65].map((n) => fixed(n, 0))).toEqual(["0", "2", "2", "64", "65"]);
});

describe("leases", () => {
  test("are listed oldest first with their kind and times, and counted in /clients", async () => {
    using api = startApi({ config: "pending_allocation_timeout_seconds: 90\n" });
    await join(api, "b1");
    const lite = 1;
    const pick = take(api, lite, "route");
    api.nowMs += 1500;
    take(api, lite, "request");
    const answer = await api.call("GET", "/leases");
    expect(answer.json).toEqual({
      total: 2,
      leases: [
        {
          lease_id: api.picker.leaseId(pick),
          client_id: "b1",
          tier: "lite",
          kind: "route",
          held_seconds: 1.5,
          expires_in_seconds: 88.5,
        },
        {
          lease_id: textLike(/^\w+$/),
          client_id: "b1",
          tier: "lite",
          kind: "request",
          held_seconds: 0,
          expires_in_seconds: null,
        },
      ],
    });
    expect((await api.call("GET", "/clients")).json).toMatchObject([{ leases: 2, in_flight: 2 }]);
  });

  test("purge-pending ends them all", async () => {
    using api = startApi();
    await join(api, "b1");
    for (let count = 0; count < 3; count++) take(api, 1, "route");
    const timestamp = new Date(START_MS).toISOString();
    const answer = await api.call("POST", "/clients/purge-pending");
    expect(answer.json).toEqual({ purged: 3, status: "success", timestamp });
    expect((await api.call("GET", "/leases")).json).toEqual({ total: 0, leases: [] });
    expect((await api.call("DELETE", "/clients/purge-pending")).json).toMatchObject({ purged: 0 });
  });

  test("go with their backend", async () => {
    using api = startApi();
    await join(api, "b1");
    take(api, 1, "route");
    await api.call("DELETE", "/clients/b1");
    expect((await api.call("GET", "/leases")).json).toEqual({ total: 0, leases: [] });
  });
});

test("purge forgets the stale and counts them", async () => {
  using api = startApi();
  await join(api, "old");
  api.nowMs += 5 * 60_000 + 1;
  await join(api, "new");
  const answer = await api.call("DELETE", "/clients/purge");
  expect(answer.json).toMatchObject({
    cache_purged: 1,
    status: "success",
    timestamp: new Date(api.nowMs).toISOString(),
  });
  expect((await api.call("GET", "/clients")).json).toMatchObject([{ client_id: "new" }]);
});

describe("health and readiness", () => {
  test("health counts, by any method", async () => {
    using api = startApi();
    await join(api, "old");
    api.nowMs += 5 * 60_000 + 1;
    await join(api, "new");
    for (const method of ["GET", "POST", "PUT", "DELETE"]) {
      expect((await api.call(method, "/health")).json).toEqual({
        status: "ok",
        timestamp: new Date(api.nowMs).toISOString(),
        total_clients: 2,
        active_clients: 1,
      });
    }
  });

  test("ready with a routable backend, else a 503 with the reason", async () => {
    using api = startApi();
    const none = await api.call("GET", "/ready");
    expectProblem(none, 503);
    expect(none.headers.get("Retry-After")).toMatch(/^\d+$/);
    await join(api, "b1");
    expect((await api.call("GET", "/ready")).json).toEqual({ status: "ready" });
    api.nowMs += 6 * 60_000;
    expectProblem(await api.call("GET", "/ready"), 503);
  });
});

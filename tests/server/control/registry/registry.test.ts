import { describe, expect, test } from "bun:test";
import { newPickQuery, Pick } from "../../../../core/balancing/pick.ts";
import { UNPROBED } from "../../../../core/health/transition.ts";
import { parseEndpointUrl } from "../../../../core/plane/endpoint-url.ts";
import { hashStickyId } from "../../../../core/table/sticky-table.ts";
import type { Registration } from "../../../../core/wire/registration.ts";
import { Sweep } from "../../../../server/control/registry/sweep.ts";
import { eventually } from "../../../support/eventually.ts";
import { idleReport, newWorld, registerOk, START_MS, temporaryDirectory, type World } from "../fixtures.ts";

const URL_A = "http://10.0.0.1:9000";
const URL_B = "http://10.0.0.2:9000";
const OPERATOR = { token: null, isAdmin: true };
const MINUTE_MS = 60_000;

function stateOf(world: World, clientId: string) {
  const state = world.registry.get(clientId, world.nowMs);
  if (state === null) throw new Error(`${clientId} is unknown`);
  return state;
}

describe("register", () => {
  test("makes a backend known to workers before its row is enabled", async () => {
    using world = newWorld();
    const token = await registerOk(world, "a", URL_A);
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    expect(world.published).toHaveLength(1);
    const backend = world.published[0]?.backend;
    expect(backend?.endpoints[0]?.origin.authority).toBe("10.0.0.1:9000");
    expect(world.tables.backends.isEnabled(backend?.row ?? -1)).toBe(true);
    expect(world.published[0]?.newPathGroups.groups).toEqual([{ patterns: [[]] }]);
    expect(stateOf(world, "a")).toMatchObject({
      routable: false,
      reason: "stale: no report yet",
      active: true,
    });
  });

  test("takes the first of endpoints, endpoint_url, local_ip, public_ip", async () => {
    using world = newWorld();
    const cases: [Omit<Registration, "client_id">, string][] = [
      [{ endpoints: [{ url: URL_A }], endpoint_url: URL_B }, URL_A],
      [{ endpoint_url: URL_B, local_ip: "10.0.0.3" }, URL_B],
      [{ local_ip: "10.0.0.3", public_ip: "10.0.0.4" }, "http://10.0.0.3:11000"],
      [{ local_ip: "fd00::1" }, "http://[fd00::1]:11000"],
      [{ local_ip: "unknown", public_ip: "10.0.0.4" }, "http://10.0.0.4:11000"],
      [{ local_ip: "127.0.0.1" }, "http://10.0.0.9:11000"],
    ];
    for (const [index, [fields, url]] of cases.entries()) {
      const registration = { client_id: `c${index}`, ...fields };
      const outcome = await world.registry.register(registration, "10.0.0.9", null);
      expect(outcome.kind).toBe("registered");
      expect(stateOf(world, `c${index}`).endpoint).toBe(url);
    }
  });

  test("names the field and the rule of what it refuses", async () => {
    using world = newWorld();
    const cases: [Omit<Registration, "client_id">, string][] = [
      [{}, "endpoint_url"],
      [{ endpoint_url: "ftp://10.0.0.1/" }, "endpoint_url"],
      [{ endpoint_url: "http://user:secret@10.0.0.1/" }, "endpoint_url"],
      [{ endpoint_url: "http://10.0.0.1/?a=1" }, "endpoint_url"],
      [{ endpoint_url: "http://169.254.169.254/latest" }, "endpoint_url"],
      [{ endpoint_url: "http://127.0.0.1:9000" }, "endpoint_url"],
      [{ endpoint_url: "http://localhost:9000" }, "endpoint_url"],
      [{ endpoint_url: "http://0x7f.1:9000" }, "endpoint_url"],
      [{ endpoints: [{ url: URL_A }, { url: "http://[fe80::1]:1/" }] }, "endpoints[1].url"],
    ];
    for (const [fields, field] of cases) {
      const registration = { client_id: "x", ...fields };
      const outcome = await world.registry.register(registration, "10.0.0.9", null);
      expect(outcome.kind === "invalid" && outcome.errors.map((error) => error.field)).toEqual([field]);
    }
    expect(world.registry.totals(START_MS).total).toBe(0);
    expect(world.published).toHaveLength(0);
  });

  test("lets loopback backends in from loopback alone", async () => {
    using world = newWorld();
    const registration = { client_id: "a", endpoint_url: "http://127.0.0.1:9000" };
    expect((await world.registry.register(registration, "10.0.0.9", null)).kind).toBe("invalid");
    expect((await world.registry.register(registration, "127.0.0.1", null)).kind).toBe("registered");
    expect(world.published[0]?.backend?.loopbackAllowed).toBe(true);
  });

  test("the later of two registrations counts, however long the names of the earlier take", async () => {
    using world = newWorld();
    const register = (url: string) =>
      world.registry.register({ client_id: "a", endpoint_url: url }, "127.0.0.1", null);
    const both = await Promise.all([register("http://localhost:9000"), register("http://127.0.0.1:9001")]);
    expect(both.map(({ kind }) => kind)).toEqual(["registered", "conflict"]);
    expect(stateOf(world, "a").endpoints.map(({ url }) => url)).toEqual(["http://localhost:9000"]);
  });

  test("finds the place of an agent that does not know its own", async () => {
    const asked: string[] = [];
    const locate = (address: string) => {
      asked.push(address);
      return address === "10.0.0.9" ? { lat: 52.5, lon: 13.4 } : null;
    };
    using world = newWorld({ locate });
    const register = (fields: object) =>
      world.registry.register({ client_id: "a", endpoint_url: URL_A, ...fields }, "10.0.0.9", null);
    await register({ latitude: 0, longitude: 0, public_ip: "unknown" });
    expect(stateOf(world, "a").registration).toMatchObject({ latitude: 52.5, longitude: 13.4 });
    await register({ public_ip: "203.0.113.1" });
    expect(stateOf(world, "a").registration.latitude).toBeUndefined();
    await register({ latitude: 0, longitude: 4 });
    expect(stateOf(world, "a").registration).toMatchObject({ latitude: 0, longitude: 4 });
    expect(asked).toEqual(["10.0.0.9", "203.0.113.1"]);
  });

  test("refuses the one too many and evicts nobody", async () => {
    using world = newWorld({ config: { max_backends: 2 } });
    await registerOk(world, "a", URL_A);
    await registerOk(world, "b", URL_B);
    const outcome = await world.registry.register(
      { client_id: "c", endpoint_url: "http://10.0.0.3" },
      "10.0.0.9",
      null,
    );
    expect(outcome.kind).toBe("full");
    expect(world.log.lines.some((line) => line.startsWith("ERROR") && line.includes("full"))).toBe(true);
    expect(world.registry.list(START_MS).map((state) => state.clientId)).toEqual(["a", "b"]);
    await world.registry.remove("a", OPERATOR);
    await registerOk(world, "c", "http://10.0.0.3");
  });

  test("keeps two ids with one endpoint, with a warning", async () => {
    using world = newWorld();
    await registerOk(world, "a", URL_A);
    await registerOk(world, "b", URL_A);
    expect(world.registry.totals(START_MS).total).toBe(2);
    expect(world.log.lines).toContain("WARN two backends have the same endpoint; both stay");
  });

  test("of many registrations of one id at once, one makes it", async () => {
    using world = newWorld();
    const all = Array.from({ length: 17 }, () => registerOk(world, "a", URL_A));
    await Promise.all(all);
    expect(world.registry.totals(START_MS).total).toBe(1);
    expect(new Set(world.published.map((update) => update.row)).size).toBe(1);
  });

  test("a re-registration keeps report, health, latency and row", async () => {
    using world = newWorld();
    const token = await registerOk(world, "a", URL_A);
    world.registry.report(idleReport("a"), token, world.nowMs);
    const before = stateOf(world, "a");
    expect(before.routable).toBe(true);
    await registerOk(world, "a", URL_B, token);
    const after = stateOf(world, "a");
    expect(after).toMatchObject({
      routable: true,
      row: before.row,
      generation: before.generation,
      endpoint: URL_B,
      report: before.report,
    });
  });
});

test("a report during a registration leaves the row the paths that workers know", async () => {
  const seen: number[] = [];
  let token: string | null = null;
  using world = newWorld({
    whilePublished: async ({ row }) => {
      if (token !== null) world.registry.report(idleReport("a"), token, START_MS);
      seen.push(world.tables.backends.pathGroup(row));
    },
  });
  token = await registerOk(world, "a", URL_A);
  const before = world.tables.backends.pathGroup(0);
  const endpoints = [{ url: URL_A, paths: ["/api"] }];
  await world.registry.register({ client_id: "a", endpoints }, "10.0.0.9", token);
  expect(seen[1]).toBe(before);
  expect(stateOf(world, "a").reportedAtMs).toBe(START_MS);
  const { pathGroups, backends } = world.registry.snapshot();
  expect(pathGroups[world.tables.backends.pathGroup(0)]).toEqual({ patterns: [["/api"]] });
  expect(backends[0]?.pathGroup).not.toBe(before);
});

test("more calls for one id than can wait are told to come back", async () => {
  const gate = Promise.withResolvers<void>();
  using world = newWorld({ whilePublished: () => gate.promise });
  const register = (clientId: string) =>
    world.registry.register({ client_id: clientId, endpoint_url: URL_A }, "10.0.0.9", null);
  // One is served, sixteen wait.
  const taken = Array.from({ length: 17 }, () => register("a"));
  expect((await register("a")).kind).toBe("busy");
  expect((await world.registry.remove("a", OPERATOR)).kind).toBe("busy");
  const other = register("b");
  gate.resolve();
  expect((await other).kind).toBe("registered");
  expect(new Set((await Promise.all(taken)).map(({ kind }) => kind))).toEqual(new Set(["registered"]));
  expect((await world.registry.remove("a", OPERATOR)).kind).toBe("removed");
});

test("a sweep deletes rows that no backend answers for", async () => {
  using world = newWorld();
  await registerOk(world, "a", URL_A);
  world.store.flush();
  const { config, registry, store, log } = world;
  const sweep = new Sweep({ live: { config }, registry, store, log, now: () => world.nowMs });
  await sweep.run();
  expect(store.loadBackends()).toHaveLength(1);
  sweep.stop();
  // Left out at a start, such a row has no backend that could be forgotten.
  using later = newWorld();
  later.store.saveBackend(store.loadBackends()[0] ?? expect.unreachable());
  later.nowMs += 31 * 24 * 60 * MINUTE_MS;
  const next = new Sweep({
    live: { config },
    registry: later.registry,
    store: later.store,
    log,
    now: () => later.nowMs,
  });
  await next.run();
  next.stop();
  expect(later.store.loadBackends()).toEqual([]);
});

test("a sweep is due by the interval that counts now", async () => {
  using world = newWorld();
  const { registry, store, log } = world;
  await registerOk(world, "a", URL_A);
  const live = { config: { ...world.config, cleanup_interval_seconds: 3600 } };
  const sweep = new Sweep({ live, registry, store, log, now: () => world.nowMs });
  world.nowMs += 60 * MINUTE_MS;
  live.config = { ...live.config, cleanup_interval_seconds: 1 };
  sweep.adapt();
  await eventually("it is forgotten", () => world.registry.size === 0);
  sweep.stop();
});

describe("ownership", () => {
  test("an id whose token came back is replaced with that token only", async () => {
    using world = newWorld();
    const token = await registerOk(world, "a", URL_A);
    expect(world.registry.report(idleReport("a"), token, world.nowMs).kind).toBe("applied");
    for (const wrong of [null, "f".repeat(64), "short"]) {
      const outcome = await world.registry.register(
        { client_id: "a", endpoint_url: URL_A },
        "10.0.0.9",
        wrong,
      );
      expect(outcome.kind).toBe("conflict");
      expect(world.registry.report(idleReport("a"), wrong, world.nowMs).kind).toBe("forbidden");
    }
    expect(await registerOk(world, "a", URL_B, token)).toBe(token);
    expect(stateOf(world, "a").endpoint).toBe(URL_B);
  });

  test("agents without tokens register and report as often as they like", async () => {
    using world = newWorld();
    await registerOk(world, "a", URL_A);
    expect(world.registry.report(idleReport("a"), null, world.nowMs).kind).toBe("applied");
    await registerOk(world, "a", URL_A);
    expect(world.registry.report(idleReport("a"), null, world.nowMs).kind).toBe("applied");
  });

  test("nobody without the token moves a living backend elsewhere", async () => {
    using world = newWorld();
    await registerOk(world, "a", URL_A);
    const outcome = await world.registry.register({ client_id: "a", endpoint_url: URL_B }, "10.0.0.9", null);
    expect(outcome.kind).toBe("conflict");
    expect(stateOf(world, "a").endpoint).toBe(URL_A);
  });

  test("a stale or unhealthy holder loses its id to the next one", async () => {
    using world = newWorld();
    const token = await registerOk(world, "a", URL_A);
    world.registry.report(idleReport("a"), token, world.nowMs);
    world.nowMs += 5 * MINUTE_MS + 1;
    const second = await registerOk(world, "a", URL_B);
    expect(second).not.toBe(token);
    expect(world.registry.report(idleReport("a"), token, world.nowMs).kind).toBe("forbidden");
    expect(world.registry.report(idleReport("a"), second, world.nowMs).kind).toBe("applied");
    world.registry.onProbe(failedProbe("a", URL_B));
    await registerOk(world, "a", "http://10.0.0.3");
  });

  test("a wrong token removes nothing, an administrator does", async () => {
    using world = newWorld();
    await registerOk(world, "a", URL_A);
    expect((await world.registry.remove("a", { token: "wrong", isAdmin: true })).kind).toBe("forbidden");
    expect((await world.registry.remove("a", { token: null, isAdmin: false })).kind).toBe("forbidden");
    expect((await world.registry.remove("a", OPERATOR)).kind).toBe("removed");
    expect((await world.registry.remove("a", OPERATOR)).kind).toBe("unknown");
  });
});

describe("report", () => {
  test("an unknown id is told so", () => {
    using world = newWorld();
    expect(world.registry.report(idleReport("a"), null, START_MS).kind).toBe("unknown");
  });

  test("an older report changes nothing; an equal one is applied", async () => {
    using world = newWorld();
    await registerOk(world, "a", URL_A);
    const at = (timestamp: string, cores: number) =>
      world.registry.report(
        idleReport("a", { timestamp, cpu_usage_avg: Array<number>(cores).fill(0) }),
        null,
        world.nowMs,
      ).kind;
    expect(at("2025-12-31T23:59:30Z", 4)).toBe("applied");
    expect(at("2026-01-01T00:59:29.999+01:00", 5)).toBe("ignored");
    expect(stateOf(world, "a").report?.cpu_usage_avg).toHaveLength(4);
    expect(at("2025-12-31T23:59:30Z", 6)).toBe("applied");
    expect(at("0001-01-01T00:00:00Z", 7)).toBe("applied");
    expect(at("2025-12-31T23:59:59Z", 8)).toBe("ignored");
    // An hour ahead of this clock: not believed, made now.
    expect(at("2026-01-01T01:00:00Z", 3)).toBe("applied");
    world.nowMs += 1000;
    expect(at("2026-01-01T00:00:01Z", 2)).toBe("applied");
  });

  test("a clock that ran ahead and was set right does not silence its agent", async () => {
    using world = newWorld();
    await registerOk(world, "a", URL_A);
    const at = (timestamp: string) =>
      world.registry.report(idleReport("a", { timestamp }), null, world.nowMs).kind;
    expect(at("2026-01-01T00:04:00Z")).toBe("applied");
    expect(at("2026-01-01T00:03:00Z")).toBe("ignored");
    world.nowMs += MINUTE_MS;
    expect(at("2026-01-01T00:00:59Z")).toBe("applied");
  });

  test("a registration lets an agent begin anew with an earlier clock", async () => {
    using world = newWorld();
    const token = await registerOk(world, "a", URL_A);
    const at = (timestamp: string) =>
      world.registry.report(idleReport("a", { timestamp }), token, world.nowMs).kind;
    expect(at("2026-01-01T00:00:00Z")).toBe("applied");
    expect(at("2025-12-31T22:00:00Z")).toBe("ignored");
    await registerOk(world, "a", URL_A, token);
    expect(stateOf(world, "a").report).not.toBeNull();
    expect(at("2025-12-31T22:00:00Z")).toBe("applied");
    expect(at("2025-12-31T21:00:00Z")).toBe("ignored");
  });

  test("a time that is none is refused by name", async () => {
    using world = newWorld();
    await registerOk(world, "a", URL_A);
    for (const timestamp of ["yesterday", "2026-01-01", "2026-13-01T00:00:00Z", "1767225600"]) {
      expect(world.registry.report(idleReport("a", { timestamp }), null, START_MS)).toMatchObject({
        kind: "invalid",
        errors: [{ field: "timestamp", got: timestamp }],
      });
    }
    expect(stateOf(world, "a").report).toBeNull();
  });
});

describe("what a backend is good for", () => {
  test("says why nothing would be sent there", async () => {
    using world = newWorld();
    expect(world.registry.readiness(START_MS)).toEqual({ ready: false, reason: "no backend is registered" });
    await registerOk(world, "a", URL_A);
    expect(world.registry.readiness(START_MS).ready).toBe(false);
    world.registry.report(idleReport("a"), null, START_MS);
    expect(world.registry.readiness(START_MS)).toEqual({ ready: true, reason: null });
    world.registry.report(idleReport("a", { cpu_usage_avg: [99, 99] }), null, START_MS);
    expect(stateOf(world, "a").reason).toStartWith("no room for any tier (cpu: 0 of 0 cores free");
    world.nowMs += 5 * MINUTE_MS + 1;
    expect(stateOf(world, "a")).toMatchObject({ active: false, routable: false });
    expect(stateOf(world, "a").reason).toStartWith("stale");
    expect(world.registry.totals(world.nowMs)).toEqual({ total: 1, active: 0 });
  });

  test("a removed backend leaves no lease, session or database row", async () => {
    using directory = temporaryDirectory();
    const database = `${directory.path}/opsen.db`;
    {
      using world = newWorld({ database });
      await registerOk(world, "a", URL_A);
      world.registry.report(idleReport("a"), null, START_MS);
      const pick = new Pick();
      const query = { ...newPickQuery(1), nowMs: START_MS, kind: "route" as const };
      const { hi, lo } = hashStickyId("session");
      expect(world.picker.pick({ ...query, sticky: true, stickyHi: hi, stickyLo: lo }, pick)).toBe("picked");
      const { row, generation } = stateOf(world, "a");
      world.registry.saveSticky([{ stickyId: "session", tier: 1, row, generation, atMs: START_MS }]);
      expect(world.picker.leases(START_MS)).toHaveLength(1);
      await world.registry.remove("a", OPERATOR);
      expect(world.picker.leases(START_MS)).toHaveLength(0);
      await registerOk(world, "a", URL_A);
      world.registry.report(idleReport("a"), null, START_MS);
      expect(stateOf(world, "a").leases).toBe(0);
      await world.registry.remove("a", OPERATOR);
    }
    using restarted = newWorld({ database });
    expect([restarted.registry.restore(), restarted.registry.restoreSticky()]).toEqual([0, 0]);
  });

  test("an unhealthy backend loses its sessions and gets no requests until it recovers", async () => {
    using world = newWorld();
    await registerOk(world, "a", URL_A);
    world.registry.report(idleReport("a"), null, START_MS);
    const epoch = world.tables.backends.epoch(0);
    world.registry.onProbe(failedProbe("a", URL_A));
    expect(stateOf(world, "a")).toMatchObject({ health: "unhealthy", routable: false });
    expect(world.tables.backends.epoch(0)).not.toBe(epoch);
    world.registry.onProbe({
      ...failedProbe("a", URL_A),
      outcome: { ok: true, latencyMs: 12 },
      originBefore: "unhealthy",
      originAfter: "healthy",
      health: { status: "healthy", latencyMs: 12, down: new Set<string>() },
    });
    expect(stateOf(world, "a")).toMatchObject({ health: "healthy", latencyMs: 12, routable: true });
  });

  test("the unseen are forgotten, the seen are not", async () => {
    using world = newWorld();
    await registerOk(world, "a", URL_A);
    await registerOk(world, "b", URL_B);
    world.nowMs += 10 * MINUTE_MS;
    world.registry.report(idleReport("b"), null, world.nowMs);
    expect((await world.registry.purgeStale(world.nowMs)).cachePurged).toBe(1);
    expect(world.registry.list(world.nowMs).map((state) => state.clientId)).toEqual(["b"]);
  });
});

describe("a restart", () => {
  test("takes up backends, endpoints, reports, tokens and sessions, routable at once", async () => {
    using directory = temporaryDirectory();
    const database = `${directory.path}/opsen.db`;
    let token: string;
    {
      using world = newWorld({ database });
      const registration = {
        client_id: "a",
        hostname: "host-a",
        latitude: 10,
        longitude: 0,
        gpu_models: ["X"],
        total_gpus: 1,
        endpoints: [{ url: URL_A, paths: ["/api/*"] }, { url: `${URL_B}/base` }],
      };
      const outcome = await world.registry.register(registration, "10.0.0.9", null);
      if (outcome.kind !== "registered") throw new Error("refused");
      token = outcome.token;
      world.registry.report(idleReport("a"), token, START_MS);
      const { row, generation } = stateOf(world, "a");
      world.registry.saveSticky([{ stickyId: "session", tier: 1, row, generation, atMs: START_MS }]);
    }
    using world = newWorld({ database });
    // An hour later: the last report is old, but the agent had no chance to send another.
    world.nowMs += 60 * MINUTE_MS;
    expect([world.registry.restore(), world.registry.restoreSticky()]).toEqual([1, 1]);
    const state = stateOf(world, "a");
    expect(state).toMatchObject({
      hostname: "host-a",
      routable: true,
      active: true,
      lastSeenMs: START_MS,
      endpoints: [
        { url: URL_A, paths: ["/api/*"] },
        { url: `${URL_B}/base`, paths: [] },
      ],
      report: idleReport("a"),
    });
    expect(state.registration).toMatchObject({ latitude: 10, longitude: 0, gpu_models: ["X"] });
    expect(world.registry.snapshot().backends[0]?.endpoints[1]?.origin.basePath).toBe("/base");
    const { hi, lo } = hashStickyId("session");
    const pick = new Pick();
    const query = { ...newPickQuery(1), nowMs: world.nowMs, sticky: true, stickyHi: hi, stickyLo: lo };
    expect(world.picker.pick(query, pick)).toBe("picked");
    expect(pick.stickyOutcome).toBe("kept");
    expect(world.registry.report(idleReport("a"), null, world.nowMs).kind).toBe("forbidden");
    expect(world.registry.report(idleReport("a"), token, world.nowMs).kind).toBe("applied");
    // Without a report the grace ends with one stale window; with one it goes on as ever.
    world.nowMs += 5 * MINUTE_MS;
    expect(stateOf(world, "a").routable).toBe(true);
    world.nowMs += 1;
    expect(stateOf(world, "a").routable).toBe(false);
  });
});

function failedProbe(clientId: string, url: string) {
  const parsed = parseEndpointUrl(url);
  if (!parsed.ok) throw new Error(parsed.rule);
  return {
    clientId,
    origin: parsed.endpoint.origin,
    outcome: { ok: false, reason: "ECONNREFUSED" } as const,
    originBefore: UNPROBED.status,
    originAfter: "unhealthy" as const,
    health: { status: "unhealthy" as const, latencyMs: 0, down: new Set<string>() },
  };
}

import { describe, expect, test } from "bun:test";
import { newPickQuery, Pick } from "../../../../core/balancing/pick.ts";
import { withBackend, withKeys, withoutBackend, withTerms } from "../../../../core/config/runtime-changes.ts";
import type { Request } from "../../../../server/control/settings/settings.ts";
import { loadChanges } from "../../../../server/control/settings/stored-changes.ts";
import { idleReport, newWorld, registerOk, START_MS, type World } from "../fixtures.ts";

function request(more: Partial<Request> = {}): Request {
  return {
    actor: "ann",
    action: "test",
    target: "",
    persist: true,
    expected: null,
    dryRun: false,
    isLocal: true,
    ...more,
  };
}

function set(world: World, values: Readonly<Record<string, unknown>>, more: Partial<Request> = {}) {
  return world.settings.change(request(more), (changes, origin) => withKeys(changes, values, [], origin));
}

function add(world: World, id: string, more: Partial<Request> = {}) {
  const entry = { id, url: `http://127.0.0.1:9${id.length}` };
  return world.settings.change(request(more), (changes, origin) => withBackend(changes, entry, origin));
}

/** The id of the backend that a request of a tier would get; null for none. */
function picked(world: World, number = 0): string | null {
  const query = newPickQuery(number);
  query.nowMs = world.nowMs;
  const pick = new Pick();
  if (world.live.picker.pick(query, pick) !== "picked") return null;
  world.live.picker.settle(pick, world.nowMs);
  return world.registry.clientIdOfRow(pick.row);
}

describe("a change", () => {
  test("counts at once, is told, written down and kept", async () => {
    using world = newWorld();
    expect(await set(world, { stale_minutes: 9, max_leases: 100 })).toEqual({
      kind: "applied",
      version: 2,
      changes: [{ key: "stale_minutes", from: 5, to: 9 }],
      restartRequired: ["max_leases"],
    });
    expect(world.live.config.stale_minutes).toBe(9);
    // Bound to the tables: what is running keeps its value.
    expect(world.live.config.max_leases).toBe(64);
    const [entry] = world.audit.newest(10).map((text): unknown => JSON.parse(text));
    expect(entry).toEqual({
      at: new Date(START_MS).toISOString(),
      actor: "ann",
      action: "test",
      target: "",
      changes: [{ key: "stale_minutes", from: 5, to: 9 }],
      persist: true,
    });
    expect(loadChanges(world.store, world.log).keys.map(({ key }) => key)).toEqual([
      "stale_minutes",
      "max_leases",
    ]);
  });

  test("that is not to last is not kept", async () => {
    using world = newWorld();
    await set(world, { stale_minutes: 9 }, { persist: false });
    expect(loadChanges(world.store, world.log).keys).toEqual([]);
  });

  test.each([
    [{ stale_minutes: 0 }, "stale_minutes"],
    [{ no_such_key: 1 }, "no_such_key"],
    [{ strategy: "best" }, "strategy"],
    [{ default_tier: "none" }, "default_tier"],
    [{ workers: 200 }, "workers"],
    [{ server_key: "mine" }, "server_key"],
    [{ backends: [{ id: "m", url: "http://169.254.169.254/" }] }, "backends m"],
  ])("that is wrong changes nothing: %j", async (values, field) => {
    using world = newWorld();
    const before = world.live.standing;
    const outcome = await set(world, { ...values, cleanup_interval_seconds: 7 });
    expect(outcome).toMatchObject({ kind: "invalid", errors: [{ field }] });
    expect(world.live.standing).toBe(before);
    expect([world.settings.version, world.audit.newest(10)]).toEqual([1, []]);
  });

  test("for a version that is past is refused, of two at once the second", async () => {
    using world = newWorld();
    const both = await Promise.all([
      set(world, { stale_minutes: 9 }, { expected: 1 }),
      set(world, { stale_minutes: 8 }, { expected: 1 }),
    ]);
    expect(both.map(({ kind }) => kind)).toEqual(["applied", "stale"]);
    expect(world.live.config.stale_minutes).toBe(9);
  });

  test("can be tried out", async () => {
    using world = newWorld();
    const outcome = await set(world, { stale_minutes: 9 }, { dryRun: true });
    expect(outcome).toMatchObject({ kind: "applied", changes: [{ key: "stale_minutes" }] });
    expect([world.live.config.stale_minutes, world.settings.version]).toEqual([5, 1]);
  });

  test("can be taken back, one after the other", async () => {
    using world = newWorld();
    await set(world, { stale_minutes: 9 });
    await add(world, "x");
    expect(await world.settings.undo(request())).toMatchObject({
      changes: [{ key: "backends.x", to: null }],
    });
    expect([world.registry.size, world.live.config.stale_minutes]).toEqual([0, 9]);
    await world.settings.undo(request());
    expect(world.live.config.stale_minutes).toBe(5);
    expect(await world.settings.undo(request())).toEqual({ kind: "nothing" });
  });
});

describe("backends without an agent", () => {
  test("get requests without a report, for as long as they are wanted", async () => {
    using world = newWorld();
    expect(picked(world)).toBeNull();
    await add(world, "x");
    expect(picked(world)).toBe("x");
    world.nowMs += 3_600_000;
    expect(await world.registry.forgetUnseen(world.nowMs, 1000)).toBe(0);
    expect(picked(world)).toBe("x");
    await world.settings.change(request(), (changes, origin) => withoutBackend(changes, "x", false, origin));
    expect(picked(world)).toBeNull();
  });

  test("are not refused for what nobody said of them, and are for what somebody did", async () => {
    using world = newWorld({
      config: { tiers: [tier("large", { vcpu: 64, gpu: 2 })], default_tier: "large" },
    });
    await add(world, "x");
    expect(picked(world)).toBe("x");
    await set(world, { backends: [{ id: "y", url: "http://127.0.0.1:9", resources: { vcpu: 8 } }] });
    await world.settings.change(request(), (changes, origin) => withoutBackend(changes, "x", false, origin));
    expect(picked(world)).toBeNull();
  });

  test("do not let an agent take their id", async () => {
    using world = newWorld();
    await add(world, "x");
    const outcome = await world.registry.register(
      { client_id: "x", endpoint_url: "http://10.0.0.1" },
      "10.0.0.9",
      null,
    );
    expect(outcome.kind).toBe("conflict");
  });

  test("stay drained over a restart", async () => {
    using world = newWorld();
    await set(world, { backends: [{ id: "x", url: "http://127.0.0.1:9" }] });
    await world.registry.drain("x", { token: null, isAdmin: true }, 0);
    expect(picked(world)).toBeNull();
    expect(world.store.loadSetting("drained_backends")).toBe('["x"]');
    await world.registry.undrain("x", { token: null, isAdmin: true });
    expect([picked(world), world.store.loadSetting("drained_backends")]).toEqual(["x", "[]"]);
  });
});

test("what operators say of a backend with an agent counts from its registration on", async () => {
  using world = newWorld();
  await world.settings.change(request(), (changes, origin) => withTerms(changes, "a", { weight: 0 }, origin));
  const token = await registerOk(world, "a", "http://10.0.0.1");
  world.registry.report(idleReport("a"), token, world.nowMs);
  expect(picked(world)).toBeNull();
  await world.settings.change(request(), (changes, origin) => withTerms(changes, "a", { weight: 2 }, origin));
  expect(picked(world)).toBe("a");
});

test("tiers come and go without those that stay getting another number", async () => {
  using world = newWorld({ config: { tiers: [tier("a"), tier("b")], default_tier: "a" } });
  await add(world, "x");
  await set(world, { tiers: [tier("b", { vcpu: 2 }), tier("c")], default_tier: "b" });
  expect(world.live.tiers.map(({ name }) => name)).toEqual(["c", "b"]);
});

function tier(name: string, more = {}) {
  return { name, vcpu: 0, memory_gb: 0, storage_gb: 0, gpu: 0, gpu_memory_gb: 0, ...more };
}

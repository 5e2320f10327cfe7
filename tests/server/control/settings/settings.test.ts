import { describe, expect, test } from "bun:test";
import { newPickQuery, Pick } from "../../../../core/balancing/pick.ts";
import {
  withBackend,
  withKeys,
  withoutBackend,
  withTerms,
} from "../../../../core/config/runtime/runtime-changes.ts";
import type { Request } from "../../../../server/control/settings/settings.ts";
import { loadChanges } from "../../../../server/control/settings/stored-changes.ts";
import { eventually } from "../../../support/eventually.ts";
import { record, records } from "../../../support/json.ts";
import { idleReport, newWorld, registerOk, START_MS, temporaryDirectory, type World } from "../fixtures.ts";

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
      changes: [
        { key: "stale_minutes", from: 5, to: 9 },
        { key: "max_leases", from: 64, to: 100 },
      ],
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

  test("that is not to last leaves what lasts as it was", async () => {
    using world = newWorld();
    const short = { persist: false };
    await set(world, { stale_minutes: 9 });
    await add(world, "x");
    await set(world, { stale_minutes: 8 }, short);
    await world.settings.change(request(short), (changes, origin) =>
      withTerms(changes, "x", { weight: 2 }, origin),
    );
    expect(world.live.config).toMatchObject({ stale_minutes: 8, backends: [{ id: "x", weight: 2 }] });
    await set(world, { cleanup_interval_seconds: 7 });
    const { keys, added } = loadChanges(world.store, world.log);
    expect(keys.map(({ key, value }) => [key, value])).toEqual([
      ["stale_minutes", 9],
      ["cleanup_interval_seconds", 7],
    ]);
    expect(added.map(({ entry }) => entry)).toEqual([{ id: "x", url: "http://127.0.0.1:91" }]);
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

  test("for a version of before a restart is refused", async () => {
    using directory = temporaryDirectory();
    const database = `${directory.path}/opsen.db`;
    using first = newWorld({ database });
    await set(first, { stale_minutes: 9 }, { persist: false });
    first.store.close();
    using later = newWorld({ database });
    expect(later.settings.version).toBe(3);
    expect(await set(later, { stale_minutes: 8 }, { expected: 2 })).toMatchObject({ kind: "stale" });
  });

  test("of any size takes little room in the audit log", async () => {
    using world = newWorld();
    const wide = Array.from({ length: 1000 }, (_, at) => `10.${at >> 8}.${at & 255}.0/24`);
    const origins = wide.map((_, at) => `https://app-${at}.example.com`);
    expect(await set(world, { whitelisted_ips: wide, cors_allowed_origins: origins })).toMatchObject({
      kind: "applied",
    });
    await set(world, { backends: some(8).map((each) => ({ ...each, tags: longTags() })) });
    const [last = "", first = ""] = world.audit.newest(10);
    expect(record(JSON.parse(first)).changes).toHaveLength(2);
    expect(first.length).toBeLessThan(10_000);
    expect(last.length).toBeLessThan(40_000);
    const { changes, omitted = 0 } = record(JSON.parse(last));
    expect(records(changes).length + Number(omitted)).toBe(8);
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
    await set(world, { stale_minutes: 9 });
    await set(world, { stale_minutes: 9 });
    expect(await world.settings.undo(request())).toMatchObject({ changes: [{ from: 9, to: 5 }] });
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

  test("get no request before it is known that they are to get none", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    using world = newWorld({ whilePublished: (told) => (told.row === 2 ? promise : Promise.resolve()) });
    const backends = [{ ...entryAt(0), weight: 0 }, { ...entryAt(1), backup: "b2" }, entryAt(2)];
    const adding = set(world, { backends });
    await eventually("the first two are in service", () => world.tables.backends.isEnabled(1));
    const { preferences } = world.tables.backends;
    expect([preferences.of(0), preferences.of(1)]).toMatchObject([{ weight: 0 }, { backupOf: 2 }]);
    resolve();
    await adding;
  });

  test("are refused when there is no place for them, and then change nothing", async () => {
    using world = newWorld();
    await registerOk(world, "a", "http://10.0.0.1");
    expect(await set(world, { backends: some(8) })).toMatchObject({
      kind: "invalid",
      errors: [
        {
          rule: "needs a restart with a higher max_backends: of 8 places 1 too few are free",
          field: "backends",
        },
      ],
    });
    expect(world.registry.size).toBe(1);
    expect(await set(world, { backends: some(7) })).toMatchObject({ kind: "applied" });
    expect(world.registry.size).toBe(8);
    expect(await set(world, { backends: some(7).map((each) => ({ ...each, weight: 2 })) })).toMatchObject({
      kind: "applied",
    });
    // The first gives its place to another.
    const others = [...some(7).slice(1), { id: "c", url: "http://127.0.0.1:9100" }];
    expect(await set(world, { backends: others })).toMatchObject({ kind: "applied" });
    expect(world.registry.get("c", world.nowMs)).not.toBeNull();
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

test("backends with an agent are no backups in a circle either", async () => {
  using world = newWorld();
  const backup = (id: string, of: string) =>
    world.settings.change(request(), (changes, origin) => withTerms(changes, id, { backup: of }, origin));
  expect(await backup("a", "b")).toMatchObject({ kind: "applied" });
  expect(await backup("b", "a")).toMatchObject({
    kind: "invalid",
    errors: [
      { field: "backends.a.backup", rule: "goes in a circle: a → b → a" },
      { field: "backends.b.backup", rule: "goes in a circle: b → a → b" },
    ],
  });
  await set(world, { backends: [{ id: "c", url: "http://127.0.0.1:9", backup: "a" }] });
  expect(await backup("b", "c")).toMatchObject({ kind: "invalid" });
});

test("tiers come and go without those that stay getting another number", async () => {
  using world = newWorld({ config: { tiers: [tier("a"), tier("b")], default_tier: "a" } });
  await add(world, "x");
  await set(world, { tiers: [tier("b", { vcpu: 2 }), tier("c")], default_tier: "b" });
  expect(world.live.tiers.map(({ name }) => name)).toEqual(["c", "b"]);
});

function entryAt(at: number) {
  return { id: `b${at}`, url: `http://127.0.0.1:${9000 + at}` };
}

function some(count: number) {
  return Array.from({ length: count }, (_, at) => entryAt(at));
}

function longTags() {
  return Array.from({ length: 16 }, (_, at) => `${at}`.padEnd(60, "x"));
}

function tier(name: string, more = {}) {
  return { name, vcpu: 0, memory_gb: 0, storage_gb: 0, gpu: 0, gpu_memory_gb: 0, ...more };
}

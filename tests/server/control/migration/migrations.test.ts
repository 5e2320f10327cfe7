import { describe, expect, test } from "bun:test";
import { activePhase, type Migration, shareOf } from "../../../../core/migration/migration.ts";
import type { MigrationOptions } from "../../../../core/migration/options.ts";
import type { Action } from "../../../../core/migration/transitions.ts";
import {
  CLOSED_GROUP,
  FROM_GROUP,
  NO_GROUP,
  TO_GROUP,
} from "../../../../core/table/backend/migration-split.ts";
import { TrafficTable } from "../../../../core/table/figures/traffic-table.ts";
import { idleReport, newWorld, START_MS, temporaryDirectory, type World } from "../fixtures.ts";

const OPTIONS = { stages: [10, 100], hold_seconds: 60 };

/** A control plane with a backend for each list of tags, named by its place. */
async function worldOf(tags: readonly string[][], database?: string): Promise<World> {
  const world = newWorld(database === undefined ? {} : { database });
  for (const [index, each] of tags.entries()) await add(world, `b${index}`, each);
  return world;
}

/** Registers a backend, or again with its token, which it gives. */
async function add(world: World, id: string, tags: readonly string[], own: string | null = null) {
  const registration = {
    client_id: id,
    endpoint_url: `http://10.0.0.1:${9000 + Number(id.slice(1))}`,
    tags: [...tags],
  };
  const outcome = await world.registry.register(registration, "10.0.0.9", own);
  expect(outcome.kind).toBe("registered");
  const token = outcome.kind === "registered" ? (outcome.token ?? own) : null;
  const report = idleReport(id, { timestamp: new Date(world.nowMs).toISOString() });
  expect(world.registry.report(report, token, world.nowMs).kind).toBe("applied");
  return token;
}

function ask(world: World, from: string, to: string, options: Partial<MigrationOptions> = {}) {
  const all = { ...world.config.migration_defaults, ...OPTIONS, ...options };
  return world.migrations.start({ from, to, options: all, by: "ops" });
}

async function begin(
  world: World,
  from: string,
  to: string,
  options?: Partial<MigrationOptions>,
): Promise<Migration> {
  const outcome = await ask(world, from, to, options);
  if (outcome.kind !== "started") throw new Error(JSON.stringify(outcome));
  return outcome.migration;
}

async function did(world: World, id: number, action: Action): Promise<Migration> {
  const outcome = await world.migrations.act(id, action, "ops");
  if (!outcome.ok) throw new Error(JSON.stringify(outcome));
  return outcome.migration;
}

/** The part of each backend, in the order of their rows. */
function groups({ tables }: World): number[] {
  return [...tables.migration.group.subarray(0, tables.backends.limit)];
}

/** Requests that end with a backend, as a worker counts them. */
function serve(world: World, id: string, count: number, status = 200): void {
  const member = world.registry.tagged().find(({ clientId }) => clientId === id);
  if (member === undefined) throw new Error(`no backend ${id}`);
  const end = { status, durationMs: 20, queuedMs: 0, bytesIn: 0, bytesOut: 0, nowMs: world.nowMs };
  for (let request = 0; request < count; request++) worker(world).ended(member.row, member.generation, end);
}

const workers = new WeakMap<World, TrafficTable>();

/** The traffic table as worker 0 writes it. */
function worker(world: World): TrafficTable {
  const known = workers.get(world);
  if (known !== undefined) return known;
  const made = new TrafficTable(world.shared.traffic, 0);
  workers.set(world, made);
  return made;
}

/** Time passes, with a look at its end. */
function wait(world: World, seconds: number): void {
  world.nowMs += seconds * 1000;
  world.migrations.tick();
}

describe("groups", () => {
  test("have their part from the start to the end, whoever joins meanwhile", async () => {
    using world = await worldOf([["blue"], ["green"], [], ["blue", "eu"]]);
    expect(groups(world)).toEqual([NO_GROUP, NO_GROUP, NO_GROUP, NO_GROUP]);
    const { id } = await begin(world, "blue", "green");
    expect(groups(world)).toEqual([FROM_GROUP, TO_GROUP, NO_GROUP, FROM_GROUP]);
    expect(world.tables.migration.share).toBe(0.1);
    await add(world, "b4", ["green"]);
    await add(world, "b5", ["eu"]);
    expect(groups(world).slice(4)).toEqual([TO_GROUP, NO_GROUP]);
    await did(world, id, "abort");
    expect(groups(world)).toEqual([NO_GROUP, CLOSED_GROUP, NO_GROUP, NO_GROUP, CLOSED_GROUP, NO_GROUP]);
    expect(world.tables.migration.isActive).toBe(false);
    await add(world, "b6", ["green"]);
    expect(groups(world)[6]).toBe(CLOSED_GROUP);
    await did(world, id, "release");
    expect(groups(world)).toEqual(Array.from({ length: 7 }, () => NO_GROUP));
    expect(world.tables.migration.isInUse).toBe(false);
  });

  test("a closed group stays closed during a migration of others, and is opened by one of its own", async () => {
    using world = await worldOf([["blue"], ["green"], ["red"]]);
    const first = await begin(world, "blue", "green", { stages: [100] });
    await did(world, first.id, "advance");
    expect(groups(world)).toEqual([CLOSED_GROUP, NO_GROUP, NO_GROUP]);
    const second = await begin(world, "green", "red");
    expect(groups(world)).toEqual([CLOSED_GROUP, FROM_GROUP, TO_GROUP]);
    await did(world, second.id, "abort");
    expect(groups(world)).toEqual([CLOSED_GROUP, NO_GROUP, CLOSED_GROUP]);
    const back = await begin(world, "green", "blue");
    expect(groups(world)).toEqual([TO_GROUP, FROM_GROUP, CLOSED_GROUP]);
    await did(world, back.id, "abort");
    // What was closed by the first is not opened by the last, nor closed again when that is released.
    await did(world, back.id, "release");
    expect(groups(world)).toEqual([NO_GROUP, NO_GROUP, CLOSED_GROUP]);
  });

  test("that are none are refused with the reason, and a second migration too", async () => {
    using world = await worldOf([["blue"], ["green"], ["blue", "red"]]);
    const errorsOf = async (from: string, to: string) => {
      const outcome = await ask(world, from, to);
      return outcome.kind === "invalid" ? outcome.errors.map(({ field, got }) => [field, got]) : outcome.kind;
    };
    expect(await errorsOf("blue", "blue")).toEqual([["to", "blue"]]);
    expect(await errorsOf("pink", "gray")).toEqual([
      ["from", "pink"],
      ["to", "gray"],
    ]);
    expect(await errorsOf("blue", "red")).toEqual([["to", "red"]]);
    expect(world.migrations.list()).toEqual([]);
    await begin(world, "blue", "green");
    expect(await ask(world, "blue", "green")).toEqual({
      kind: "conflict",
      detail:
        "migration 1 (blue to green) is running; only one can be under way: wait for its end, or abort it",
    });
    expect(await world.migrations.act(7, "abort", "")).toEqual({
      ok: false,
      why: "there is none with this id",
    });
  });
});

describe("windows", () => {
  test("hold what both groups did since the stage began, and each stage begins with nothing", async () => {
    using world = await worldOf([["blue"], ["green"], []]);
    serve(world, "b0", 500);
    serve(world, "b1", 500, 500);
    const { id } = await begin(world, "blue", "green");
    serve(world, "b0", 900);
    serve(world, "b1", 100);
    serve(world, "b2", 77);
    wait(world, 30);
    const now = world.migrations.get(id);
    const current = now === null ? null : world.migrations.current(now);
    expect([current?.from.requests, current?.to.requests, current?.heldMs]).toEqual([900, 100, 30_000]);
    wait(world, 30);
    expect(world.migrations.get(id)?.reports).toMatchObject([
      { decision: "go", from: { requests: 900, errors: 0 }, to: { requests: 100, errors: 0 } },
    ]);
    expect(world.tables.migration.share).toBe(1);
    serve(world, "b1", 60);
    wait(world, 60);
    expect(world.migrations.get(id)?.reports.at(-1)).toMatchObject({
      from: { requests: 0 },
      to: { requests: 60 },
    });
    expect(world.migrations.get(id)?.phase.kind).toBe("completed");
  });

  test("a backend that joins brings nothing of before, one that leaves has left what it did", async () => {
    using world = await worldOf([["blue"], ["green"], ["green"]]);
    const { id } = await begin(world, "blue", "green");
    serve(world, "b0", 900);
    serve(world, "b1", 60);
    serve(world, "b2", 40);
    wait(world, 1);
    await world.registry.remove("b2", { token: null, isAdmin: true });
    await add(world, "b3", ["green"]);
    wait(world, 1);
    serve(world, "b3", 20);
    wait(world, 58);
    expect(world.migrations.get(id)?.reports[0]).toMatchObject({ to: { requests: 120 } });
  });

  test("a backend that is given both tags counts as the old group's, once", async () => {
    using world = await worldOf([["blue"], ["green"]]);
    const { id } = await begin(world, "blue", "green");
    await add(world, "b2", ["green", "blue"]);
    wait(world, 1);
    expect(groups(world)).toEqual([FROM_GROUP, TO_GROUP, FROM_GROUP]);
    serve(world, "b2", 70);
    wait(world, 1);
    const now = world.migrations.get(id);
    const current = now === null ? null : world.migrations.current(now);
    expect([current?.from.requests, current?.to.requests]).toEqual([70, 0]);
  });

  test("a backend that changes the group leaves what it did with the old one", async () => {
    using world = await worldOf([["blue"], ["green"]]);
    const token = await add(world, "b2", ["blue"]);
    const { id } = await begin(world, "blue", "green");
    serve(world, "b2", 30);
    wait(world, 1);
    serve(world, "b2", 200, 503);
    await add(world, "b2", ["green"], token);
    expect(groups(world)).toEqual([FROM_GROUP, TO_GROUP, TO_GROUP]);
    wait(world, 1);
    serve(world, "b2", 5);
    wait(world, 1);
    const now = world.migrations.get(id);
    const current = now === null ? null : world.migrations.current(now);
    expect(current?.to).toMatchObject({ requests: 5, errors: 0 });
    expect(current?.from.requests).toBe(30);
  });

  test("a bad group loses its share with the next look, and the log says why", async () => {
    using world = await worldOf([["blue"], ["green"]]);
    await begin(world, "blue", "green");
    serve(world, "b0", 900);
    serve(world, "b1", 50);
    serve(world, "b1", 50, 503);
    wait(world, 1);
    expect([world.tables.migration.isActive, groups(world)]).toEqual([false, [NO_GROUP, CLOSED_GROUP]]);
    expect(world.log.lines.filter((line) => line.includes("migration"))).toEqual([
      "INFO a migration begins",
      "WARN a stage of a migration: NO-GO",
      "WARN a migration has ended: rolled back",
    ]);
  });
});

describe("on record", () => {
  test("a new start goes on with the stage, and knows what is closed before any backend is there", async () => {
    using directory = temporaryDirectory();
    const database = `${directory.path}/opsen.db`;
    {
      using world = await worldOf([["blue"], ["green"], ["red"]], database);
      const { id } = await begin(world, "blue", "red", { stages: [100] });
      await did(world, id, "advance");
      await begin(world, "red", "green", { stages: [10, 40, 100] });
      serve(world, "b2", 900);
      serve(world, "b1", 100);
      wait(world, 60);
    }
    using world = newWorld({ database });
    world.nowMs = START_MS + 500_000;
    world.migrations.restore();
    expect([world.tables.migration.isActive, world.tables.migration.share]).toEqual([true, 0.4]);
    world.registry.restore();
    expect(groups(world)).toEqual([CLOSED_GROUP, TO_GROUP, FROM_GROUP]);
    const [active, ended] = world.migrations.list();
    expect(active?.reports.map(({ decision }) => decision)).toEqual(["go", "restarted"]);
    expect(ended?.phase.kind).toBe("completed");
    serve(world, "b2", 600);
    serve(world, "b1", 400);
    wait(world, 1);
    serve(world, "b2", 600);
    serve(world, "b1", 400);
    wait(world, 59);
    expect(world.migrations.list().map(shareOf)).toEqual([100, 100]);
    expect((await ask(world, "blue", "green")).kind).toBe("conflict");
  });

  test("are a hundred at most, but none whose group is closed is forgotten", async () => {
    using directory = temporaryDirectory();
    const database = `${directory.path}/opsen.db`;
    using world = await worldOf([["blue"], ["green"], ["red"]], database);
    const closing = await begin(world, "blue", "red");
    await did(world, closing.id, "abort");
    for (let round = 0; round < 110; round++) {
      const { id } = await begin(world, "blue", "green");
      await did(world, id, "abort");
    }
    const ids = world.migrations.list().map(({ id }) => id);
    expect([ids.length, ids[0], ids.at(-1)]).toEqual([100, 111, closing.id]);
    world.store.flush();
    expect(world.store.loadMigrations().map(({ id }) => id)).toEqual(ids.toReversed());
    expect(groups(world)).toEqual([NO_GROUP, CLOSED_GROUP, CLOSED_GROUP]);
  });

  test("all that it costs without a migration is nothing: no timer runs", async () => {
    using world = await worldOf([["blue"], ["green"]]);
    expect(world.timers).toBe(0);
    const { id } = await begin(world, "blue", "green");
    expect(world.timers).toBe(1);
    await did(world, id, "pause");
    expect(world.timers).toBe(1);
    const ended = await did(world, id, "abort");
    expect([world.timers, activePhase(ended)]).toEqual([0, null]);
  });
});

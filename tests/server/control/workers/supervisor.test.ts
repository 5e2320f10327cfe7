import { describe, expect, test } from "bun:test";
import type { ServerConfig } from "../../../../core/config/schema/server-schema.ts";
import type { ApiKey } from "../../../../core/plane/api-key.ts";
import type { Backend } from "../../../../core/plane/snapshot.ts";
import { toTiers } from "../../../../core/scoring/index.ts";
import { lockOwner } from "../../../../core/table/spin-lock.ts";
import { allocateTables, openTables, tableSizes } from "../../../../core/table/tables.ts";
import type { Logger } from "../../../../server/control/logging/logger.ts";
import { type LiveSettings, Supervisor } from "../../../../server/control/workers/supervisor.ts";
import { eventually } from "../../../support/eventually.ts";
import { configOf, failureOf } from "../fixtures.ts";

/** A log that can be waited for. */
class AwaitedLog implements Logger {
  readonly lines: string[] = [];
  readonly #waiting: { text: string; resolve: () => void }[] = [];

  debug = (message: string): void => this.#add(message);
  info = (message: string): void => this.#add(message);
  warn = (message: string): void => this.#add(message);
  error = (message: string, data?: Readonly<Record<string, unknown>>): void =>
    this.#add(`${message}: ${String(data?.reason)}`);

  /** Resolves at the next line that holds a text. */
  next(text: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ text, resolve }));
  }

  #add(line: string): void {
    this.lines.push(line);
    for (const { text, resolve } of this.#waiting) if (line.includes(text)) resolve();
  }
}

function newSupervisor(overrides: Partial<ServerConfig> = {}) {
  const config = configOf({ port: 0, max_backends: 8, max_leases: 64, ...overrides });
  const { tiers, defaultTier } = toTiers(config);
  const shared = allocateTables(tableSizes(config, tiers.length, 2), () => 1);
  const tables = openTables(shared);
  const log = new AwaitedLog();
  const lines: string[] = [];
  const supervisor = new Supervisor({
    entry: new URL("./failing-worker.ts", import.meta.url),
    base: {
      workers: 2,
      config,
      tiers,
      defaultTier,
      tables: shared,
      controlSocket: "",
      controlSecret: "",
      viaName: "test",
      keys: [],
      stickyKey: "",
      certificates: null,
      backendTls: { rules: [], ca: "", verify: true },
      maxClientConnections: 1000,
      geoip: null,
      version: "0",
    },
    tables,
    snapshot: () => ({ backends: [], pathGroups: [] }),
    onLog: (text) => void lines.push(text),
    onEjected: () => {},
    onDecisions: () => {},
    now: () => 0,
    onSpans: () => {},
    onSticky: () => {},
    log,
  });
  const publish = (clientId: string): Promise<void> =>
    supervisor.publish({ row: 0, backend: backendOf(clientId), newPathGroups: { index: 0, groups: [] } });
  const set = (more: Partial<LiveSettings>): Promise<void> =>
    supervisor.setSettings({
      config,
      tiers,
      defaultTier,
      workers: 2,
      keys: [],
      maxClientConnections: 1000,
      ...more,
    });
  return { supervisor, tables, log, lines, publish, set };
}

function keyNamed(name: string): ApiKey {
  return { name, key: `the key of ${name}`, scopes: ["admin"] };
}

function backendOf(clientId: string): Backend {
  return { row: 0, generation: 1, clientId, hostname: "", endpoints: [], pathGroup: 0 };
}

describe("the supervisor", () => {
  test("gives the port that the first worker found to the others", async () => {
    const { supervisor, lines } = newSupervisor();
    expect(await supervisor.start()).toEqual({ port: 4321, adminPort: 0 });
    expect(lines).toEqual(["worker 0 of 2 on 0\n", "worker 1 of 2 on 4321\n"]);
    supervisor.terminate();
  });

  test("fails to start with a worker's own reason", async () => {
    const { supervisor } = newSupervisor({ host: "fails.invalid" });
    expect(await failureOf(supervisor.start())).toBe("no such host");
  });

  for (const [how, reason] of [
    ["throw", "thrown on purpose"],
    ["fail", "failed on purpose"],
  ] as const) {
    test(`starts workers again that ${how}, and publishing goes on`, async () => {
      const { supervisor, log, publish } = newSupervisor();
      await supervisor.start();
      const back = [log.next("is back"), log.next("is started again")];
      await publish(`${how} 1`);
      await Promise.all(back);
      expect(log.lines.some((line) => line.includes(reason))).toBe(true);
      await publish("fine");
      expect(await supervisor.drain(100)).toBeGreaterThanOrEqual(3);
    });
  }

  test("starts workers again with the keys that count now", async () => {
    const { supervisor, log, lines, publish, set } = newSupervisor();
    await supervisor.start();
    await set({ keys: [keyNamed("new")] });
    supervisor.setKeys([keyNamed("file")]);
    await set({ keys: [keyNamed("newer")] });
    const back = log.next("is back");
    await publish("throw 1");
    await back;
    expect(lines.at(-1)).toBe("worker 1 takes newer\n");
    supervisor.terminate();
  });

  test("starts the worker that had no place as soon as there is one", async () => {
    const { supervisor, log, lines, publish, set } = newSupervisor();
    await supervisor.start();
    await publish("busy 1");
    await set({ workers: 1 });
    await set({ workers: 2 });
    expect(log.lines.at(-1)).toContain("only when some that end have ended");
    await publish("throw 1");
    await eventually("there are two again", () => lines.length === 3);
    expect(lines.at(-1)).toBe("worker 1 of 2 on 4321\n");
    // It is not taken for the one that was to end.
    await publish("throw 1");
    await log.next("is back");
    supervisor.terminate();
  });

  test("starts no worker while it ends", async () => {
    const { supervisor, lines, set } = newSupervisor();
    await supervisor.start();
    await set({ workers: 1 });
    const drained = supervisor.drain(100);
    await set({ workers: 2 });
    await drained;
    expect(lines).toHaveLength(2);
  });

  test("frees what a failed worker held", async () => {
    const { supervisor, tables, log, publish } = newSupervisor();
    await supervisor.start();
    const claimed = tables.backends.claimRow();
    const row = claimed?.row ?? -1;
    // Worker 0 died in the middle of a claim.
    Atomics.store(tables.backends.columns.lock, row, lockOwner(0));
    const back = log.next("is back");
    await publish("throw 0");
    await back;
    expect(Atomics.load(tables.backends.columns.lock, row)).toBe(0);
    supervisor.terminate();
  });

  test("adds up what workers purge, says who does not answer, and gathers what they hold", async () => {
    const { supervisor, log } = newSupervisor();
    await supervisor.start();
    expect(await supervisor.purgeCaches({ kind: "all" })).toBe(5);
    expect(log.lines.some((line) => line.includes("did not confirm a purge"))).toBe(true);
    expect(await supervisor.cacheReports(3)).toHaveLength(2);
    supervisor.terminate();
  });

  test("adds up what was cut when it drains", async () => {
    const { supervisor } = newSupervisor();
    await supervisor.start();
    expect(await supervisor.drain(100)).toBe(6);
    await supervisor.publish({ row: 0, backend: null, newPathGroups: { index: 0, groups: [] } });
  });
});

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import type { StoredBackend } from "../../../../server/control/store/rows.ts";
import { Store } from "../../../../server/control/store/store.ts";
import { WriteQueue } from "../../../../server/control/store/write-queue.ts";
import { idleReport, RecordedLog, START_MS, temporaryDirectory } from "../fixtures.ts";

const HOUR_MS = 3_600_000;

function backend(clientId: string): StoredBackend {
  return {
    registration: { client_id: clientId, hostname: `host-${clientId}`, total_cpu: 8, tags: ["blue", "eu"] },
    endpoints: [{ url: "http://10.0.0.1:9000", paths: ["/api"] }],
    loopbackAllowed: false,
    tokenHash: "ab",
    tokenShown: true,
    createdMs: START_MS,
    lastSeenMs: START_MS,
    drainedBy: "operator",
    report: { report: idleReport(clientId), receivedMs: START_MS, timestampMs: START_MS - 5 },
  };
}

/** The schema as the original product creates it, with rows as its driver writes them. */
function writeOriginal(path: string): void {
  using database = new Database(path, { create: true });
  database.run(`CREATE TABLE clients (client_id TEXT PRIMARY KEY, hostname TEXT, public_ip TEXT, local_ip TEXT,
    latitude REAL, longitude REAL, country TEXT, city TEXT, total_cpu INTEGER, total_memory REAL, total_storage REAL,
    endpoint TEXT, created_at TIMESTAMP, last_seen TIMESTAMP)`);
  database.run(`CREATE TABLE stats (id INTEGER PRIMARY KEY AUTOINCREMENT, client_id TEXT, timestamp TIMESTAMP,
    cpu_cores INTEGER, cpu_usage_json TEXT, memory_total REAL, memory_used REAL, memory_avail REAL, disk_total REAL,
    disk_used REAL, disk_avail REAL, FOREIGN KEY (client_id) REFERENCES clients(client_id))`);
  database.run(`CREATE TABLE sticky_assignments (sticky_id TEXT NOT NULL, tier TEXT NOT NULL, client_id TEXT,
    created_at TIMESTAMP, last_used TIMESTAMP, PRIMARY KEY (sticky_id, tier))`);
  const time = "2026-01-01 01:00:00.123456789+01:00";
  database.run(
    `INSERT INTO clients VALUES ('old', 'h', '203.0.113.1', '10.0.0.1', 1.5, 2.5, 'DE', 'Bonn', 4, 16, 100,
      'http://10.0.0.1:11000', ?, ?)`,
    [time, time],
  );
  database.run(`INSERT INTO stats (client_id, timestamp, cpu_cores) VALUES ('old', ?, 4)`, [time]);
  database.run("INSERT INTO sticky_assignments VALUES ('s', 'lite', 'old', ?, ?)", [time, time]);
}

function rows(path: string, sql: string): unknown[] {
  using database = new Database(path, { readonly: true });
  return database.query(sql).all();
}

describe("the file", () => {
  test("has the original's tables and indexes, in WAL mode", () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/opsen.db`;
    const store = new Store(path, new RecordedLog());
    const names = rows(path, "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name");
    expect(names).toEqual(
      [
        "audit",
        "clients",
        "idx_clients_last_seen",
        "idx_stats_client_time",
        "idx_sticky_client",
        "idx_sticky_id",
        "idx_sticky_last_used",
        "migrations",
        "settings",
        "stats",
        "sticky_assignments",
      ].map((name) => ({ name })),
    );
    expect(rows(path, "PRAGMA journal_mode")).toEqual([{ journal_mode: "wal" }]);
    store.close();
  });

  test("of the original opens and is migrated, once", () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/opsen.db`;
    writeOriginal(path);
    for (let start = 0; start < 2; start++) {
      const store = new Store(path, new RecordedLog());
      expect(store.loadBackends()).toEqual([
        {
          registration: {
            client_id: "old",
            hostname: "h",
            public_ip: "203.0.113.1",
            local_ip: "10.0.0.1",
            latitude: 1.5,
            longitude: 2.5,
            country: "DE",
            city: "Bonn",
            total_cpu: 4,
            total_memory_gb: 16,
            total_storage_gb: 100,
            total_gpus: 0,
          },
          endpoints: [{ url: "http://10.0.0.1:11000", paths: [] }],
          loopbackAllowed: true,
          tokenHash: null,
          tokenShown: false,
          createdMs: START_MS,
          lastSeenMs: START_MS,
          report: null,
          drainedBy: null,
        },
      ]);
      expect(store.loadSticky(START_MS, 10)).toEqual([
        { stickyId: "s", tier: "lite", clientId: "old", lastUsedMs: START_MS },
      ]);
      store.close();
    }
    expect(rows(path, "SELECT received_ms FROM stats")).toEqual([{ received_ms: START_MS }]);
    expect(rows(path, "PRAGMA user_version")).toEqual([{ user_version: 3 }]);
  });

  test("that is none, is locked, is newer or cannot be written is refused in words", () => {
    using directory = temporaryDirectory();
    const garbage = `${directory.path}/garbage.db`;
    writeFileSync(garbage, "this is not a database".repeat(100));
    expect(() => new Store(garbage, new RecordedLog())).toThrow(
      /garbage\.db: the file is not a SQLite database or is damaged; restore it/,
    );
    expect(() => new Store(`${directory.path}/missing/x.db`, new RecordedLog())).toThrow(
      /directory does not exist; create it/,
    );
    expect(() => new Store(directory.path, new RecordedLog())).toThrow(/it is a directory/);
    const newer = `${directory.path}/newer.db`;
    using database = new Database(newer, { create: true });
    database.run("PRAGMA user_version = 99");
    expect(() => new Store(newer, new RecordedLog())).toThrow(/written by a newer version/);
    const locked = `${directory.path}/locked.db`;
    using holder = new Database(locked, { create: true });
    holder.run("PRAGMA locking_mode = EXCLUSIVE");
    holder.run("BEGIN EXCLUSIVE");
    expect(() => new Store(locked, new RecordedLog())).toThrow(/another process holds a lock/);
  });
});

describe("writes", () => {
  test("come back as they were saved, times readable as text", () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/opsen.db`;
    const store = new Store(path, new RecordedLog());
    store.saveBackend(backend("a"));
    store.saveReport({ report: idleReport("a"), receivedMs: START_MS, timestampMs: START_MS });
    expect(store.flush()).toBe(true);
    expect(store.loadBackends()).toMatchObject([backend("a")]);
    expect(rows(path, "SELECT last_seen, created_at FROM clients")).toEqual([
      { last_seen: "2026-01-01 00:00:00.000+00:00", created_at: "2026-01-01 00:00:00.000+00:00" },
    ]);
    expect(rows(path, "SELECT timestamp, cpu_cores, cpu_usage_json, memory_avail FROM stats")).toEqual([
      {
        timestamp: "2026-01-01 00:00:00.000+00:00",
        cpu_cores: 8,
        cpu_usage_json: "[1,2,3,4,5,6,7,8]",
        memory_avail: 56,
      },
    ]);
    store.close();
  });

  test("keep their order: what is forgotten stays so, what comes after stays too", () => {
    using directory = temporaryDirectory();
    const store = new Store(`${directory.path}/opsen.db`, new RecordedLog());
    const sticky = { stickyId: "s", tier: "lite", clientId: "a", lastUsedMs: START_MS };
    store.saveBackend(backend("a"));
    store.saveSticky(sticky);
    store.forgetBackend("a");
    store.saveBackend(backend("b"));
    store.saveSticky({ ...sticky, clientId: "b" });
    store.forgetStickyOf("b");
    store.saveSticky({ ...sticky, clientId: "b", lastUsedMs: START_MS + 1 });
    store.flush();
    expect(store.loadBackends().map((stored) => stored.registration.client_id)).toEqual(["b"]);
    expect(store.loadSticky(0, 10)).toEqual([{ ...sticky, clientId: "b", lastUsedMs: START_MS + 1 }]);
    store.forgetBackend("b");
    // What comes back at once comes back without its past.
    store.saveBackend(backend("b"));
    store.flush();
    expect(store.loadSticky(0, 10)).toEqual([]);
    expect(store.loadBackends()).toHaveLength(1);
    store.close();
  });

  test("are trimmed by age and number", () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/opsen.db`;
    const store = new Store(path, new RecordedLog());
    for (let hour = 0; hour < 48; hour++) {
      const at = START_MS + hour * HOUR_MS;
      store.saveReport({ report: idleReport("a"), receivedMs: at, timestampMs: at });
      store.saveSticky({ stickyId: `s${hour}`, tier: "lite", clientId: "a", lastUsedMs: at });
    }
    store.flush();
    store.trim({
      reportsBeforeMs: START_MS + 24 * HOUR_MS,
      stickyBeforeMs: START_MS + 8 * HOUR_MS,
      maxSticky: 10,
    });
    expect(rows(path, "SELECT COUNT(*) AS n, MIN(received_ms) AS oldest FROM stats")).toEqual([
      { n: 24, oldest: START_MS + 24 * HOUR_MS },
    ]);
    expect(store.loadSticky(0, 100).map((sticky) => sticky.stickyId)).toEqual(
      Array.from({ length: 10 }, (_, index) => `s${index + 38}`),
    );
    expect(store.purgeClients(START_MS)).toBe(0);
    store.saveBackend(backend("a"));
    expect(store.purgeClients(START_MS + 1)).toBe(1);
    store.close();
  });

  test("are trimmed a bounded number at a time", () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/opsen.db`;
    const store = new Store(path, new RecordedLog());
    {
      using database = new Database(path);
      database.run(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 21000)
        INSERT INTO stats (client_id, received_ms) SELECT 'a', ${START_MS} FROM n`);
    }
    const left = [1_000, 0].map((rest) => {
      store.trim({ reportsBeforeMs: START_MS + 1, stickyBeforeMs: START_MS, maxSticky: 10 });
      return [rows(path, "SELECT COUNT(*) AS n FROM stats"), [{ n: rest }]];
    });
    for (const [found, wanted] of left) expect(found).toEqual(wanted);
    store.close();
  });

  test("that fail are kept and written later, and the log says so", () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/opsen.db`;
    const log = new RecordedLog();
    const store = new Store(path, log);
    store.saveBackend(backend("a"));
    {
      using holder = new Database(path);
      holder.run("BEGIN IMMEDIATE");
      expect(store.flush()).toBe(false);
      expect(log.lines.at(-1)).toStartWith("ERROR health is degraded");
      expect(store.degraded).toMatch(/^the database cannot be written: .*locked/);
    }
    expect(store.flush()).toBe(true);
    expect(store.degraded).toBeNull();
    expect(log.lines.at(-1)).toStartWith("INFO the database is written again");
    expect(store.loadBackends()).toHaveLength(1);
    store.close();
  });

  test("survive a kill -9 two seconds later", async () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/opsen.db`;
    const script = `
      import { Store } from ${JSON.stringify(`${import.meta.dir}/../../../../server/control/store/store.ts`)};
      const quiet = { debug() {}, info() {}, warn() {}, error() {} };
      const store = new Store(${JSON.stringify(path)}, quiet);
      store.saveBackend(${JSON.stringify(backend("a"))});
      store.saveSticky({ stickyId: "s", tier: "lite", clientId: "a", lastUsedMs: ${START_MS} });
      // The promise is: on disk two seconds after the answer.
      setTimeout(() => console.log("two seconds have passed"), 2000);
      setInterval(() => {}, 1000);
    `;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
    const first = await child.stdout.getReader().read();
    expect(first.done).toBe(false);
    child.kill("SIGKILL");
    await child.exited;
    const store = new Store(path, new RecordedLog());
    expect(store.loadBackends()).toMatchObject([backend("a")]);
    expect(store.loadSticky(0, 10)).toHaveLength(1);
    store.close();
  });
});

describe("the queue", () => {
  test("is bounded: expendable writes go first, then the oldest", () => {
    const queue = new WriteQueue<number>(3, (value) => value >= 100);
    queue.put("a", 1);
    queue.put("b", 100);
    queue.put("c", 3);
    queue.put("d", 4);
    expect(queue.snapshot().map(({ value }) => value)).toEqual([1, 3, 4]);
    queue.put("e", 5);
    expect(queue.snapshot().map(({ value }) => value)).toEqual([3, 4, 5]);
    expect(queue.takeDropped()).toBe(2);
    expect(queue.takeDropped()).toBe(0);
  });

  test("keeps what was replaced while it was written", () => {
    const queue = new WriteQueue<number>(3, () => false);
    queue.put("a", 1);
    queue.put("b", 2);
    const written = queue.snapshot();
    queue.put("a", 3);
    queue.settle(written);
    expect(queue.snapshot()).toEqual([{ key: "a", value: 3 }]);
  });
});

/**
 * The database's tables. They are the original product's, with columns added for what a restart needs; a file
 * written by any version of the original opens and is migrated. Its TIMESTAMP columns stay text that both can
 * read, in UTC and of fixed width, so that they sort; the `_ms` columns beside them hold epoch milliseconds.
 */
import type { Database } from "bun:sqlite";

/** `PRAGMA user_version` of a file that this version has migrated. */
const SCHEMA_VERSION = 3;

interface TableSpec {
  readonly name: string;
  /** Name and declaration. Those of an existing table stay as they are; missing ones are added. */
  readonly columns: readonly (readonly [string, string])[];
  readonly constraint: string;
}

const TABLES: readonly TableSpec[] = [
  {
    name: "clients",
    columns: [
      ["client_id", "TEXT PRIMARY KEY"],
      ["hostname", "TEXT"],
      ["public_ip", "TEXT"],
      ["local_ip", "TEXT"],
      ["latitude", "REAL"],
      ["longitude", "REAL"],
      ["country", "TEXT"],
      ["city", "TEXT"],
      ["total_cpu", "INTEGER"],
      ["total_memory", "REAL"],
      ["total_storage", "REAL"],
      ["total_gpus", "INTEGER DEFAULT 0"],
      ["gpu_models", "TEXT"],
      ["endpoint", "TEXT"],
      ["created_at", "TIMESTAMP"],
      ["last_seen", "TIMESTAMP"],
      ["endpoints_json", "TEXT"],
      ["loopback_allowed", "INTEGER DEFAULT 0"],
      ["token_hash", "TEXT"],
      ["token_shown", "INTEGER DEFAULT 0"],
      ["last_seen_ms", "INTEGER"],
      ["last_report_json", "TEXT"],
      ["last_report_ms", "INTEGER"],
      ["last_report_timestamp_ms", "INTEGER"],
      ["max_in_flight", "INTEGER"],
      ["max_connections", "INTEGER"],
      ["drained_by", "TEXT"],
      ["tags_json", "TEXT"],
    ],
    constraint: "",
  },
  {
    name: "stats",
    columns: [
      ["id", "INTEGER PRIMARY KEY AUTOINCREMENT"],
      ["client_id", "TEXT"],
      ["timestamp", "TIMESTAMP"],
      ["cpu_cores", "INTEGER"],
      ["cpu_usage_json", "TEXT"],
      ["memory_total", "REAL"],
      ["memory_used", "REAL"],
      ["memory_avail", "REAL"],
      ["disk_total", "REAL"],
      ["disk_used", "REAL"],
      ["disk_avail", "REAL"],
      ["gpu_stats_json", "TEXT"],
      ["received_ms", "INTEGER"],
    ],
    constraint: ", FOREIGN KEY (client_id) REFERENCES clients(client_id)",
  },
  {
    name: "sticky_assignments",
    columns: [
      ["sticky_id", "TEXT NOT NULL"],
      ["tier", "TEXT NOT NULL"],
      ["client_id", "TEXT"],
      ["created_at", "TIMESTAMP"],
      ["last_used", "TIMESTAMP"],
      ["last_used_ms", "INTEGER"],
    ],
    // Without a reference to `clients`: a backend of the configuration has no row there.
    constraint: ", PRIMARY KEY (sticky_id, tier)",
  },
  {
    name: "settings",
    columns: [
      ["key", "TEXT PRIMARY KEY"],
      ["value", "TEXT"],
      ["changed_ms", "INTEGER"],
    ],
    constraint: "",
  },
  {
    name: "audit",
    columns: [
      ["id", "INTEGER PRIMARY KEY AUTOINCREMENT"],
      ["at_ms", "INTEGER"],
      ["entry_json", "TEXT"],
    ],
    constraint: "",
  },
  {
    name: "migrations",
    columns: [
      ["id", "INTEGER PRIMARY KEY"],
      ["state_json", "TEXT"],
      ["updated_at", "TIMESTAMP"],
    ],
    constraint: "",
  },
];

const INDEXES = [
  "CREATE INDEX IF NOT EXISTS idx_stats_client_time ON stats(client_id, timestamp DESC)",
  "CREATE INDEX IF NOT EXISTS idx_clients_last_seen ON clients(last_seen)",
  "CREATE INDEX IF NOT EXISTS idx_sticky_last_used ON sticky_assignments(last_used)",
  "CREATE INDEX IF NOT EXISTS idx_sticky_client ON sticky_assignments(client_id)",
  "CREATE INDEX IF NOT EXISTS idx_sticky_id ON sticky_assignments(sticky_id)",
] as const;

/** From the original's times, in whatever zone they were written, to ours. */
const CONVERT_ORIGINAL_TIMES = [
  "UPDATE clients SET last_seen_ms = unixepoch(last_seen) * 1000 WHERE last_seen_ms IS NULL",
  "UPDATE stats SET received_ms = unixepoch(timestamp) * 1000 WHERE received_ms IS NULL",
  "UPDATE sticky_assignments SET last_used_ms = unixepoch(last_used) * 1000 WHERE last_used_ms IS NULL",
  `UPDATE sticky_assignments SET last_used = strftime('%Y-%m-%d %H:%M:%f', last_used) || '+00:00'
     WHERE last_used IS NOT NULL AND strftime('%s', last_used) IS NOT NULL`,
] as const;

/** Brings a file to this version's schema, in one transaction; throws when a newer version wrote it. */
export function migrate(database: Database): void {
  const version = readUserVersion(database);
  if (version > SCHEMA_VERSION) {
    throw new Error(
      `it was written by a newer version of opsen-server (schema ${version}, known up to ${SCHEMA_VERSION})`,
    );
  }
  if (version === SCHEMA_VERSION) return;
  database.transaction(() => {
    for (const table of TABLES) createOrExtend(database, table);
    for (const index of INDEXES) database.run(index);
    for (const statement of CONVERT_ORIGINAL_TIMES) database.run(statement);
    database.run(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  })();
}

/** A time as the text that the original wrote, always in UTC: `2026-02-05 12:34:56.789+00:00`. */
export function toTimestampText(epochMs: number): string {
  return new Date(epochMs).toISOString().replace("T", " ").replace("Z", "+00:00");
}

function createOrExtend(database: Database, table: TableSpec): void {
  const columns = table.columns.map(([name, declaration]) => `${name} ${declaration}`).join(", ");
  database.run(`CREATE TABLE IF NOT EXISTS ${table.name} (${columns}${table.constraint})`);
  const existing = new Set(
    database
      .query<{ name: string }, []>(`PRAGMA table_info(${table.name})`)
      .all()
      .map((column) => column.name),
  );
  for (const [name, declaration] of table.columns) {
    if (!existing.has(name)) database.run(`ALTER TABLE ${table.name} ADD COLUMN ${name} ${declaration}`);
  }
}

function readUserVersion(database: Database): number {
  return database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
}

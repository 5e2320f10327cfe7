/** The SQL of the store. */
import type { Database } from "bun:sqlite";

const CLIENT_COLUMNS = [
  "client_id",
  "hostname",
  "public_ip",
  "local_ip",
  "latitude",
  "longitude",
  "country",
  "city",
  "total_cpu",
  "total_memory",
  "total_storage",
  "total_gpus",
  "gpu_models",
  "endpoint",
  "created_at",
  "last_seen",
  "endpoints_json",
  "loopback_allowed",
  "token_hash",
  "token_shown",
  "last_seen_ms",
  "last_report_json",
  "last_report_ms",
  "last_report_timestamp_ms",
  "max_in_flight",
  "max_connections",
  "drained_by",
  "tags_json",
] as const;

const STATS_COLUMNS = [
  "client_id",
  "timestamp",
  "cpu_cores",
  "cpu_usage_json",
  "memory_total",
  "memory_used",
  "memory_avail",
  "disk_total",
  "disk_used",
  "disk_avail",
  "gpu_stats_json",
  "received_ms",
] as const;

export const SQL = {
  loadClients: "SELECT *, unixepoch(created_at) * 1000 AS created_ms FROM clients ORDER BY client_id",
  loadSticky: `SELECT sticky_id AS stickyId, tier, client_id AS clientId, last_used_ms AS lastUsedMs
    FROM sticky_assignments WHERE last_used_ms >= ? AND client_id IS NOT NULL ORDER BY last_used_ms DESC LIMIT ?`,
  saveClient: `INSERT INTO clients (${CLIENT_COLUMNS.join(", ")}) VALUES (${parameters(CLIENT_COLUMNS)})
    ON CONFLICT (client_id) DO UPDATE SET ${CLIENT_COLUMNS.map((name) => `${name} = excluded.${name}`).join(", ")}`,
  saveReport: `INSERT INTO stats (${STATS_COLUMNS.join(", ")}) VALUES (${parameters(STATS_COLUMNS)})`,
  saveSticky: `INSERT INTO sticky_assignments (sticky_id, tier, client_id, created_at, last_used, last_used_ms)
    VALUES ($stickyId, $tier, $clientId, $at, $at, $lastUsedMs)
    ON CONFLICT (sticky_id, tier) DO UPDATE SET
      client_id = excluded.client_id, last_used = excluded.last_used, last_used_ms = excluded.last_used_ms`,
  forgetClient: "DELETE FROM clients WHERE client_id = ?",
  forgetStats: "DELETE FROM stats WHERE client_id = ?",
  forgetSticky: "DELETE FROM sticky_assignments WHERE client_id = ?",
  purgeClients: "DELETE FROM clients WHERE last_seen_ms IS NULL OR last_seen_ms < ?",
  // Rows are in order of receipt, so that the oldest are found by the primary key without a scan.
  trimStats: `DELETE FROM stats WHERE id IN (SELECT id FROM stats ORDER BY id LIMIT ?)
    AND (received_ms IS NULL OR received_ms < ?)`,
  trimSticky: "DELETE FROM sticky_assignments WHERE last_used IS NULL OR last_used < ?",
  trimStickySurplus: `DELETE FROM sticky_assignments WHERE rowid IN
    (SELECT rowid FROM sticky_assignments ORDER BY last_used DESC LIMIT -1 OFFSET ?)`,
  loadMigrations: "SELECT state_json FROM migrations ORDER BY id",
  saveMigration: `INSERT INTO migrations (id, state_json, updated_at) VALUES ($id, $json, $at)
    ON CONFLICT (id) DO UPDATE SET state_json = excluded.state_json, updated_at = excluded.updated_at`,
  forgetMigration: "DELETE FROM migrations WHERE id = ?",
  loadSetting: "SELECT value FROM settings WHERE key = ?",
  saveSetting: `INSERT INTO settings (key, value, changed_ms) VALUES ($key, $value, $atMs)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_ms = excluded.changed_ms`,
  saveAudit: "INSERT INTO audit (at_ms, entry_json) VALUES ($atMs, $entry)",
  loadAudit: "SELECT entry_json AS entry FROM audit ORDER BY id DESC LIMIT ?",
  trimAudit: "DELETE FROM audit WHERE id <= (SELECT MAX(id) FROM audit) - ?",
  countStale: "SELECT COUNT(*) AS count FROM clients WHERE last_seen_ms IS NULL OR last_seen_ms < ?",
} as const;

/** Compiles those that are run often. */
export function prepare(database: Database) {
  return {
    saveClient: database.prepare(SQL.saveClient),
    saveReport: database.prepare(SQL.saveReport),
    saveSticky: database.prepare(SQL.saveSticky),
    forgetClient: database.prepare(SQL.forgetClient),
    forgetStats: database.prepare(SQL.forgetStats),
    forgetSticky: database.prepare(SQL.forgetSticky),
    saveMigration: database.prepare(SQL.saveMigration),
    forgetMigration: database.prepare(SQL.forgetMigration),
    purgeClients: database.prepare(SQL.purgeClients),
    trimStats: database.prepare(SQL.trimStats),
    trimSticky: database.prepare(SQL.trimSticky),
    saveSetting: database.prepare(SQL.saveSetting),
    saveAudit: database.prepare(SQL.saveAudit),
    trimAudit: database.prepare(SQL.trimAudit),
    trimStickySurplus: database.prepare(SQL.trimStickySurplus),
  };
}

function parameters(columns: readonly string[]): string {
  return columns.map((name) => `$${name}`).join(", ");
}

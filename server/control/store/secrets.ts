/** Secrets that this server has made for itself and that must outlive it. Additive: older versions ignore the table. */
import type { Database } from "bun:sqlite";

/** Gives the secret of a name, which is `fresh` from now on if there was none; throws when it cannot be kept. */
export function keepSecret(database: Database, name: string, fresh: string): string {
  database.run("CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL)");
  database.run("INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", [
    name,
    fresh,
  ]);
  const row = database
    .query<{ value: string }, [string]>("SELECT value FROM secrets WHERE name = ?")
    .get(name);
  return row?.value ?? fresh;
}

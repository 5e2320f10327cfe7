/** Keeps two servers off one database: each believes what it holds in memory and would overwrite the other's. */
import { Database } from "bun:sqlite";

/** Beside the database, so that the claim and the file share a directory, its rights and its fate. */
const SUFFIX = "-claim";

/**
 * Claims a database file for this process; the claim ends with {@link Database.close} or with the process, however that
 * ends, since it is a lock of the operating system. Throws when another process holds it.
 *
 * The database itself stays open to readers such as the sqlite3 shell: what is locked is an empty file beside it.
 */
export function claimDatabase(path: string): Database {
  const claim = new Database(`${path}${SUFFIX}`, { create: true, readwrite: true });
  try {
    claim.run("PRAGMA busy_timeout = 0");
    claim.run("BEGIN EXCLUSIVE");
    return claim;
  } catch {
    claim.close();
    throw new Error("another server uses it; stop that one, or give this one a file of its own");
  }
}

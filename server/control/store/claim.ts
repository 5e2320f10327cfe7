/** Keeps two servers off one database: each believes what it holds in memory and would overwrite the other's. */
import { Database, SQLiteError } from "bun:sqlite";

/** Beside the database, so that the claim shares the directory, its rights and its fate. */
const SUFFIX = "-claim";

/**
 * Claims a database file for this process until the result is disposed of or the process ends, however it ends: the
 * claim is a lock of the operating system. Throws when another process has it.
 *
 * What is locked is an empty file beside the database, which stays open to readers such as the sqlite3 shell.
 */
export function claimDatabase(path: string): Disposable {
  let claim: Database | null = null;
  try {
    claim = path === ":memory:" ? null : new Database(`${path}${SUFFIX}`, { create: true, readwrite: true });
    claim?.run("PRAGMA busy_timeout = 0");
    claim?.run("BEGIN EXCLUSIVE");
  } catch (error) {
    claim?.close();
    if (error instanceof SQLiteError && error.code?.startsWith("SQLITE_BUSY")) {
      throw new Error("another server uses it; stop that one, or give this one a file of its own", {
        cause: error,
      });
    }
    // Where no file can be made the database cannot be opened either, which says better what is wrong.
    claim = null;
  }
  return { [Symbol.dispose]: () => claim?.close() };
}

/** Opening the database file, and what to do when that fails. */
import { Database } from "bun:sqlite";
import { closeSync, existsSync, openSync, renameSync, statSync } from "node:fs";
import { messageOf } from "../../../core/log/message-of.ts";
import { migrate } from "./schema.ts";

/** A file that cannot be opened; the message says what is wrong with it and what to do. */
export class OpenError extends Error {
  /** Its content is at fault, so that another file would do. */
  readonly isDamaged: boolean;

  constructor(message: string, isDamaged: boolean, cause: unknown) {
    super(message, { cause });
    this.isDamaged = isDamaged;
  }
}

/** At the start somebody may be busy with the file for a moment. */
const START_BUSY_MS = 2_000;
/** Later a write that cannot be done at once is tried again: the control plane must not stand still for it. */
const BUSY_MS = 20;
/** Those that a start reads; the history would take long, and nothing depends on it. */
const CHECKED = ["clients", "sticky_assignments"] as const;

/** Opens or creates a file; throws an {@link OpenError}. */
export function openDatabase(path: string): Database {
  let database: Database | null = null;
  try {
    // Readable by its owner alone when it is new: it holds hashes of tokens and ids of sessions.
    if (path !== ":memory:") closeSync(openSync(path, "a", 0o600));
    database = new Database(path, { create: true, readwrite: true, strict: true });
    database.run(`PRAGMA busy_timeout = ${START_BUSY_MS}`);
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = FULL");
    migrate(database);
    for (const table of CHECKED) checkTable(database, table);
    database.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    return database;
  } catch (error) {
    database?.close();
    const { message, isDamaged } = explain(error);
    throw new OpenError(`cannot open the database ${path}: ${message}`, isDamaged, error);
  }
}

/** Moves a file and what belongs to it out of the way; gives its new name. `nowMs` is of the wall clock. */
export function setAside(path: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, "");
  const aside = `${path}.damaged-${stamp}`;
  for (const suffix of ["", "-wal", "-shm"]) {
    if (existsSync(`${path}${suffix}`)) renameSync(`${path}${suffix}`, `${aside}${suffix}`);
  }
  return aside;
}

/** Tells a file from another one that may take its name. */
export function identityOf(path: string): string {
  if (path === ":memory:") return "";
  try {
    const { dev, ino } = statSync(path);
    return `${dev} ${ino}`;
  } catch {
    return "absent";
  }
}

/** A damaged page is found now and not in the middle of a restore. */
function checkTable(database: Database, table: string): void {
  const found = database.query<{ quick_check: string }, []>(`PRAGMA quick_check('${table}')`).get();
  if (found !== null && found.quick_check !== "ok") throw new DamageError(found.quick_check);
}

class DamageError extends Error {}

const DAMAGED =
  "the file is not a SQLite database or is damaged; restore it, move it away, or have it set aside at the start (database_recovery: start_empty)";

function explain(error: unknown): { readonly message: string; readonly isDamaged: boolean } {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  if (error instanceof DamageError || code === "SQLITE_NOTADB" || code.startsWith("SQLITE_CORRUPT")) {
    return { message: DAMAGED, isDamaged: true };
  }
  return { message: reasonOf(code) ?? messageOf(error), isDamaged: false };
}

function reasonOf(code: string): string | null {
  switch (code) {
    case "SQLITE_BUSY":
    case "SQLITE_LOCKED":
      return "another process holds a lock on it; stop that process or choose another file (key `database`, flag -db)";
    case "SQLITE_FULL":
    case "ENOSPC":
      return "no space is left for it; make room or choose another path (key `database`, flag -db)";
    case "ENOENT":
      return "its directory does not exist; create it or choose another path (key `database`, flag -db)";
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "SQLITE_READONLY":
    case "SQLITE_CANTOPEN":
      return "no permission to write it or its directory; change the owner or choose another path (key `database`, flag -db)";
    case "EISDIR":
      return "it is a directory; name a file (key `database`, flag -db)";
    default:
      return null;
  }
}

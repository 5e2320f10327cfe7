/** The database of a start: claimed for this process, opened, or done without as far as the configuration allows. */
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { messageOf } from "../../../core/log/message-of.ts";
import type { Logger } from "../logging/logger.ts";
import { claimDatabase } from "../store/claim.ts";
import { OpenError, setAside } from "../store/open.ts";
import { Store } from "../store/store.ts";
import { StartError } from "./start-error.ts";

type DatabaseKeys = Pick<ServerConfig, "database" | "database_recovery">;

/** Must be held for as long as the store is open. */
export function claim(path: string): Disposable {
  try {
    return claimDatabase(path);
  } catch (error) {
    throw new StartError(`cannot use the database ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Opens the store. With `database_recovery: start_empty` a damaged file is set aside, never deleted, and where no file
 * can be had the server starts without one: then it forgets everything when it stops, and says so.
 */
export function openStore(keys: DatabaseKeys, log: Logger, wallOf: (ms: number) => number): Store {
  const { database: path, database_recovery: recovery } = keys;
  try {
    return new Store(path, log, wallOf);
  } catch (error) {
    if (recovery !== "start_empty" || !(error instanceof OpenError)) {
      throw new StartError(messageOf(error), { cause: error });
    }
    return error.isDamaged ? startEmpty(path, log, wallOf) : startWithout(error.message, log, wallOf);
  }
}

function startEmpty(path: string, log: Logger, wallOf: (ms: number) => number): Store {
  try {
    const aside = setAside(path, Date.now());
    log.error("the database is damaged: it is set aside, and an empty one is used", { path, aside });
    return new Store(path, log, wallOf);
  } catch (error) {
    return startWithout(messageOf(error), log, wallOf);
  }
}

function startWithout(reason: string, log: Logger, wallOf: (ms: number) => number): Store {
  log.error("health is degraded: there is no database, and nothing will outlive this process", { reason });
  const store = new Store(":memory:", log, wallOf);
  store.standInFor(reason);
  return store;
}

import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import type { FileFault } from "../../../core/config/load.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { messageOf } from "../../../core/log/message-of.ts";
import { StartError } from "../startup/start-error.ts";
import { LogFile } from "./log-file.ts";
import { Log } from "./logger.ts";
import { codeOf, Descriptor } from "./outlet.ts";

type LogKeys = Pick<
  ServerConfig,
  | "log_level"
  | "json_logging"
  | "log_file"
  | "log_max_size_mb"
  | "log_max_backups"
  | "log_max_age_days"
  | "log_compress"
>;

const STDOUT = 1;
const MB = 1_048_576;
const DAY_MS = 86_400_000;

export interface OpenedLog {
  readonly log: Log;
  /** Opens the file again, which somebody may have moved; without one nothing happens. */
  reopen(): void;
}

/** Opens the log where the configuration wants it. Throws StartError. `tell` writes a line where there is no log. */
export async function openLog(config: LogKeys, tell: (line: string) => void): Promise<OpenedLog> {
  const common = { level: config.log_level, json: config.json_logging, now: Date.now };
  if (config.log_file === "") {
    return { log: new Log({ ...common, outlet: new Descriptor(STDOUT) }), reopen: () => {} };
  }
  const file = await LogFile.open({
    path: config.log_file,
    maxBytes: config.log_max_size_mb * MB,
    maxBackups: config.log_max_backups,
    maxAgeMs: config.log_max_age_days * DAY_MS,
    compress: config.log_compress,
    now: Date.now,
    onTrouble: (what, error) => tell(`${config.log_file}: ${what}: ${messageOf(error)}`),
  }).catch((error: unknown) => {
    throw new StartError(`log_file: ${config.log_file} cannot be opened: ${messageOf(error)}`, {
      cause: error,
    });
  });
  return { log: new Log({ ...common, outlet: file }), reopen: () => file.reopen() };
}

/** Says whether the log file could be written, as far as can be seen without making it. */
export function logFileFaults(path: string): FileFault[] {
  if (path === "") return [];
  try {
    if (!statSync(path).isFile()) return fault(`${path} is no regular file`);
    accessSync(path, constants.W_OK);
    return [];
  } catch (error) {
    if (codeOf(error) !== "ENOENT") return fault(`${path} cannot be written (${messageOf(error)})`);
  }
  return isWritableFolder(dirname(path)) ? [] : fault(`${path} cannot be made: its folder cannot be written`);
}

function fault(message: string): FileFault[] {
  return [{ path: ["log_file"], message }];
}

/** The folder can be written, or could be made. */
function isWritableFolder(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return statSync(folder).isDirectory();
  } catch (error) {
    const parent = dirname(folder);
    return codeOf(error) === "ENOENT" && parent !== folder && isWritableFolder(parent);
  }
}

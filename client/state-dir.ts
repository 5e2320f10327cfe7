/** The directory in which the agent keeps what must outlive it. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { messageOf } from "../core/log/message-of.ts";
import type { Logger } from "./logger.ts";

/**
 * Lists where state may be kept, best first: the configured directory, systemd's (the first, if the unit names
 * several), the user's, the working directory.
 */
export function stateDirCandidates(
  configured: string,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const systemd = (env.STATE_DIRECTORY ?? "").split(":")[0] ?? "";
  const home = env.HOME ?? homedir();
  const candidates = [configured, systemd, home === "" ? "" : join(home, ".local", "state", "opsen"), "."];
  return candidates.filter((path) => path !== "").map((path) => resolve(path));
}

/** Gives the first directory that can be written, made if missing; null, with a log line, when none can. */
export function openStateDir(candidates: readonly string[], log: Logger): string | null {
  for (const directory of candidates) {
    const fault = writeFault(directory);
    if (fault === null) {
      log.debug("state directory", { directory });
      return directory;
    }
    log.warn("state directory cannot be written; trying the next place", { directory, reason: fault });
  }
  log.error("no state directory can be written: the identity will not survive a restart; set state_dir");
  return null;
}

/** Why nothing can be written there, or null. Only writing tells: permission bits lie to root and on mounts. */
function writeFault(directory: string): string | null {
  const probe = join(directory, `.probe-${process.pid}`);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(probe, "");
    rmSync(probe, { force: true });
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

/** Notices that another living agent of this host uses the same identity. Says so; it never stops the agent. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "./logger.ts";

/** Marks an identity as in use by this process; returns the function that takes the mark away. */
export function markInUse(directory: string, clientId: string, log: Logger): () => void {
  const path = join(directory, `${encodeURIComponent(clientId)}.pid`);
  const own = `${process.pid} ${startOf(process.pid)}`;
  const other = textOf(path);
  const [pid, start] = other.split(" ");
  // A number may have gone to another process since; with its start time it cannot have.
  if (other !== "" && other !== own && start !== "" && startOf(Number(pid)) === start) {
    log.warn(
      "another agent on this host uses the same identity, and they will disturb each other: give each its own endpoint_url, client_id or state_dir",
      { pid: Number(pid), client_id: clientId },
    );
  }
  try {
    writeFileSync(path, own, { mode: 0o600 });
  } catch {
    // Without the mark nothing is lost but a warning.
  }
  return () => {
    if (textOf(path) === own) rmSync(path, { force: true });
  };
}

/** When a process started, in the kernel's ticks; empty when it does not live or the system does not tell. */
function startOf(pid: number): string {
  const stat = textOf(`/proc/${pid}/stat`);
  // The name in parentheses may hold spaces; what follows begins with field 3 (proc_pid_stat(5)).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // A zombie (Z) or a process on its way out (X) has ended; nobody has asked for its exit code yet.
  return fields[0] === "Z" || fields[0] === "X" ? "" : (fields[19] ?? "");
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

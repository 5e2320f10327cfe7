/** Removes what servers that were killed have left behind: directories of control sockets that nobody serves. */
import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Start of the name of every directory with a control socket; mkdtemp adds six characters. */
export const SOCKET_DIRECTORY_PREFIX = "opsen-";
export const SOCKET_NAME = "control.sock";

const DIRECTORY_NAME = /^opsen-[A-Za-z0-9]{6}$/;
/** A server that is just starting has a socket that nobody serves yet. */
const MIN_AGE_MS = 60_000;
/** Most directories looked at in one run. */
const MAX_LOOKS = 1_000;

/** Looks through a directory for temporary files; what cannot be looked at is left alone. */
export async function removeAbandonedSockets(temporary: string, nowMs: number): Promise<number> {
  let removed = 0;
  const names = attempt(() => readdirSync(temporary)) ?? [];
  for (const name of names.filter((entry) => DIRECTORY_NAME.test(entry)).slice(0, MAX_LOOKS)) {
    const directory = join(temporary, name);
    if (!isOldAndOurs(directory, nowMs) || !(await isRefused(join(directory, SOCKET_NAME)))) continue;
    attempt(() => rmSync(directory, { recursive: true, force: true }));
    removed++;
  }
  return removed;
}

function isOldAndOurs(directory: string, nowMs: number): boolean {
  const stats = attempt(() => lstatSync(directory));
  if (stats === null || !stats.isDirectory()) return false;
  return stats.uid === process.getuid?.() && nowMs - stats.mtimeMs >= MIN_AGE_MS;
}

/** A socket file without a server behind it refuses; a missing one, or one of a living server, does not. */
async function isRefused(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.terminate();
    return false;
  } catch (error) {
    return typeof error === "object" && error !== null && "code" in error && error.code === "ECONNREFUSED";
  }
}

function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

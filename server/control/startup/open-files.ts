import { readFileSync } from "node:fs";

/** Descriptors for everything but connections: log, database, sockets between threads, probes, files. */
const RESERVED = 128;
/** What an unlimited process is taken to have. */
const PLENTY = 1_048_576;
const LEAST = 16;

/** Gives the number of files that the process may have open at one time. */
export function openFilesLimit(
  readLimits: () => string = () => readFileSync("/proc/self/limits", "latin1"),
): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readLimits()) ?? [];
    return soft === undefined ? PLENTY : Number(soft);
  } catch {
    // No /proc: nothing is known.
    return PLENTY;
  }
}

/** Gives how many connections of clients fit: each may need one to a backend as well. */
export function clientConnectionsFor(openFiles: number): number {
  return Math.max(LEAST, Math.floor((openFiles - RESERVED) / 2));
}

/** What this process uses of its host. */
import { readdir } from "node:fs/promises";

export interface ProcessFigures {
  readonly startedAtSeconds: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Null where the system does not tell. */
  readonly openFiles: number | null;
  readonly maxOpenFiles: number;
}

/** `maxOpenFiles` does not change while the process runs. */
export async function processFigures(maxOpenFiles: number): Promise<ProcessFigures> {
  const { user, system } = process.cpuUsage();
  return {
    startedAtSeconds: Math.round(performance.timeOrigin) / 1000,
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    openFiles: await openFiles(),
    maxOpenFiles,
  };
}

async function openFiles(): Promise<number | null> {
  try {
    return (await readdir("/proc/self/fd")).length;
  } catch {
    // No /proc: nobody tells.
    return null;
  }
}

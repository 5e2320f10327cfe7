/** Space of the file system that holds a path, by statfs. */
import { statfsSync } from "node:fs";
import type { Sample } from "./sample.ts";

/**
 * Fills in the disk's figures; throws the system's error. What is available leaves out the blocks reserved for
 * the superuser, so used and available do not add up to the total, as in `df`.
 */
export function readDisk(path: string, into: Sample): void {
  const stat = statfsSync(path);
  const unit = blockBytes(stat);
  into.diskTotalBytes = stat.blocks * unit;
  into.diskUsedBytes = (stat.blocks - stat.bfree) * unit;
  into.diskAvailBytes = stat.bavail * unit;
}

/** Blocks are counted in fragments where the system tells their size (statvfs), else in transfer blocks. */
function blockBytes(stat: { readonly bsize: number; readonly frsize?: number }): number {
  return stat.frsize !== undefined && stat.frsize > 0 ? stat.frsize : stat.bsize;
}

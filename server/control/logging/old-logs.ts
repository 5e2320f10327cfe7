/** Log files that were set aside: their names, their compression, and their end. */
import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

export interface OldLogRules {
  /** 0 = any number. */
  readonly maxBackups: number;
  /** 0 = for ever. */
  readonly maxAgeMs: number;
  readonly compress: boolean;
}

export interface OldLog {
  readonly name: string;
  /** When it was set aside, in milliseconds since the epoch. */
  readonly atMs: number;
  readonly isCompressed: boolean;
}

const COMPRESSED = ".gz";
const UNFINISHED = ".tmp";
/** Readable by the owner and its group: lines hold addresses and paths of clients. */
export const LOG_MODE = 0o640;

/** Gives the name for a log that is set aside at that time: `opsen-20260102T030405.678Z.log` of `opsen.log`. */
export function oldLogPath(path: string, atMs: number): string {
  const extension = extname(path);
  const stamp = new Date(atMs).toISOString().replaceAll(/[-:]/g, "");
  return join(dirname(path), `${basename(path, extension)}-${stamp}${extension}`);
}

/** Reads what {@link oldLogPath} has made; null for any other name. */
export function parseOldLog(path: string, name: string): OldLog | null {
  const extension = extname(path);
  const isCompressed = name.endsWith(extension + COMPRESSED);
  const plain = isCompressed ? name.slice(0, -COMPRESSED.length) : name;
  const start = `${basename(path, extension)}-`;
  if (!plain.startsWith(start) || !plain.endsWith(extension)) return null;
  const stamp = plain.slice(start.length, plain.length - extension.length);
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3})Z$/.exec(stamp);
  if (parts === null) return null;
  const [, year, month, day, hour, minute, second] = parts;
  const atMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(atMs) ? null : { name, atMs, isCompressed };
}

/** Parts old logs into those that stay and those that go. */
export function judgeOldLogs(
  logs: readonly OldLog[],
  rules: Pick<OldLogRules, "maxBackups" | "maxAgeMs">,
  nowMs: number,
): { readonly kept: readonly OldLog[]; readonly expired: readonly OldLog[] } {
  const newestFirst = [...logs].toSorted((left, right) => right.atMs - left.atMs);
  const stays = ({ atMs }: OldLog, index: number): boolean =>
    (rules.maxBackups === 0 || index < rules.maxBackups) &&
    (rules.maxAgeMs === 0 || nowMs - atMs <= rules.maxAgeMs);
  return {
    kept: newestFirst.filter(stays),
    expired: newestFirst.filter((log, index) => !stays(log, index)),
  };
}

/** Deletes what has expired beside the log at `path`, and compresses what is not. Throws what the system says. */
export async function tidyOldLogs(path: string, rules: OldLogRules, nowMs: number): Promise<void> {
  const folder = dirname(path);
  const names = await readdir(folder);
  const isUnfinished = (name: string): boolean =>
    name.endsWith(UNFINISHED) && parseOldLog(path, name.slice(0, -UNFINISHED.length)) !== null;
  // A process that ended in the middle has left these.
  for (const name of names.filter(isUnfinished)) await rm(join(folder, name), { force: true });
  const logs = names.map((name) => parseOldLog(path, name)).filter((log) => log !== null);
  const { kept, expired } = judgeOldLogs(logs, rules, nowMs);
  for (const { name } of expired) await rm(join(folder, name), { force: true });
  if (!rules.compress) return;
  for (const { name, isCompressed } of kept) if (!isCompressed) await compress(join(folder, name));
}

async function compress(file: string): Promise<void> {
  const unfinished = file + COMPRESSED + UNFINISHED;
  try {
    const target = createWriteStream(unfinished, { mode: LOG_MODE });
    await pipeline(createReadStream(file), createGzip(), target);
    await rename(unfinished, file + COMPRESSED);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await rm(file, { force: true });
}

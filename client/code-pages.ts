/**
 * Gives back pages of the executable that are not needed any more.
 *
 * Parsing the configuration, compiling and collecting touch some 20 MB of the runtime's code that the agent hardly
 * ever runs again, yet the pages stay mapped and count as ours for as long as we live. Code pages are read-only
 * copies of the file: dropping them (madvise(2) MADV_DONTNEED) loses nothing, and those that are needed again come
 * back from the page cache within microseconds. Linux only; elsewhere, and when anything is not as expected,
 * nothing happens.
 */
import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";
import type { Scheduler } from "./scheduler.ts";

const MADV_DONTNEED = 4;
/** By then registration and the first report are done, usually. */
const FIRST_MS = 10_000;
/** A round costs about a millisecond, for the pages that come back. */
const EVERY_MS = 120_000;

/** Drops the code pages of this process's executable; gives the number of bytes of address space that it covered. */
export type ReleaseCodePages = () => number;

/** Gives back code pages from time to time; returns the function that ends it. */
export function releaseCodePagesRegularly(scheduler: Scheduler): () => void {
  const release = process.platform === "linux" ? codePageReleaser() : null;
  if (release === null) return () => {};
  let cancel = scheduler.after(FIRST_MS, round);
  function round(): void {
    cancel = scheduler.after(EVERY_MS, round);
    release?.();
  }
  return () => cancel();
}

/** Makes the function that drops code pages; null where that is not possible. */
export function codePageReleaser(): ReleaseCodePages | null {
  try {
    const mappings = readMappings();
    // By its absolute path: a bare name would also be looked for in the working directory.
    const path = mappings.find((mapping) => LIBRARY_C.test(mapping.path))?.path;
    const code = mappings.filter(({ access, path: file }) => access === "r-xp" && file === process.execPath);
    if (path === undefined || code.length === 0) return null;
    const { symbols } = dlopen(path, { madvise: { args: ["u64", "u64", "i32"], returns: "i32" } });
    return () =>
      code.reduce((bytes, { start, end }) => {
        const dropped = symbols.madvise(start, end - start, MADV_DONTNEED) === 0;
        return dropped ? bytes + Number(end - start) : bytes;
      }, 0);
  } catch {
    return null;
  }
}

const LIBRARY_C = /\/(?:libc\.so\.6|ld-musl-[\w-]+\.so\.1|libc-[\d.]+\.so)$/;

interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  readonly access: string;
  readonly path: string;
}

/** The lines of /proc/self/maps that map a file (proc_pid_maps(5)). */
function readMappings(): Mapping[] {
  const mappings: Mapping[] = [];
  for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
    const [, start, end, access, path] = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) .*?(\/.*)$/.exec(line) ?? [];
    if (start === undefined || end === undefined || access === undefined || path === undefined) continue;
    mappings.push({ start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), access, path });
  }
  return mappings;
}

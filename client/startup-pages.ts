/**
 * Gives back the pages of the executable that only the start needed.
 *
 * Parsing the configuration touches some 20 MB of the runtime's code that the agent never runs again, yet the
 * pages stay mapped and count as ours for as long as we live. Code pages are read-only copies of the file:
 * dropping them (madvise(2) MADV_DONTNEED) loses nothing, and those that are needed again come back from the page
 * cache within microseconds. Linux only; elsewhere, and when anything is not as expected, nothing happens.
 */
import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";

const MADV_DONTNEED = 4;

interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  readonly access: string;
  readonly path: string;
}

/** Drops the code pages of this process's executable; gives the number of bytes in the ranges that were dropped. */
export function releaseStartupPages(): number {
  if (process.platform !== "linux") return 0;
  try {
    const mappings = readMappings();
    // By its absolute path: a bare name would also be looked for in the working directory.
    const libc = mappings.find(({ path }) =>
      /\/(?:libc\.so\.6|ld-musl-[\w-]+\.so\.1|libc-[\d.]+\.so)$/.test(path),
    );
    if (libc === undefined) return 0;
    const code = mappings.filter(({ access, path }) => access === "r-xp" && path === process.execPath);
    const libraryC = dlopen(libc.path, {
      madvise: { args: ["u64", "u64", "i32"], returns: "i32" },
    });
    let bytes = 0;
    for (const { start, end } of code) {
      if (libraryC.symbols.madvise(start, end - start, MADV_DONTNEED) === 0) bytes += Number(end - start);
    }
    libraryC.close();
    return bytes;
  } catch {
    return 0;
  }
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

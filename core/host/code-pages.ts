/**
 * Gives back the pages of the executable that are not in use. A start runs through tens of megabytes of the runtime's
 * code that is hardly ever needed again, yet the pages stay mapped and count as ours. They are read-only copies of the
 * file: dropping them (madvise(2), MADV_DONTNEED) loses nothing, and what is needed again comes back from the page
 * cache within microseconds. Linux only; elsewhere, and when anything is not as expected, there is nothing to call.
 */

const MADV_DONTNEED = 4;

/** The C library under the names that glibc and musl give it. */
const LIBC = /\/(?:libc\.so\.6|ld-musl-[\w-]+\.so\.1|libc-[\d.]+\.so)$/;

/** Start, end and path of the mappings of code (proc_pid_maps(5)). */
const CODE_MAPPING = /^([0-9a-f]+)-([0-9a-f]+) r-xp .*?(\/.*)$/gm;

/** Drops the code pages of this process's executable; gives the bytes of address space that it covered. */
export type ReleaseCodePages = () => number;

/** What the process that runs this lends it. */
export interface CodePageHost {
  /** Path of the executable of this process. */
  readonly executable: string;
  /** Gives `/proc/self/maps`; may throw. */
  readonly readMaps: () => string;
  /** Opens madvise(2) in the C library of that path; may throw. */
  readonly openMadvise: (libc: string) => (start: bigint, length: bigint, advice: number) => number;
}

/** Makes the function that drops code pages; null where that is not possible. */
export function codePageReleaser(host: CodePageHost): ReleaseCodePages | null {
  try {
    const code = Array.from(host.readMaps().matchAll(CODE_MAPPING), ([, from, to, path]) => ({
      start: BigInt(`0x${from}`),
      length: BigInt(`0x${to}`) - BigInt(`0x${from}`),
      path: path ?? "",
    }));
    const own = code.filter(({ path }) => path === host.executable);
    // By its absolute path: a bare name would also be looked for in the working directory.
    const libc = code.find(({ path }) => LIBC.test(path))?.path;
    if (libc === undefined || own.length === 0) return null;
    const madvise = host.openMadvise(libc);
    return () => {
      const dropped = own.filter(({ start, length }) => madvise(start, length, MADV_DONTNEED) === 0);
      return dropped.reduce((bytes, { length }) => bytes + Number(length), 0);
    };
  } catch {
    // No /proc, no foreign functions: the memory stays as it is.
    return null;
  }
}

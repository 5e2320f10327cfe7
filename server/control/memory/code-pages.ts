/** What this process lends to {@link codePageReleaser}. */
import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";
import { codePageReleaser, type ReleaseCodePages } from "../../../core/host/code-pages.ts";

/** Opens the function that drops the code pages of the server; null where that is not possible. */
export function openCodePageReleaser(): ReleaseCodePages | null {
  return codePageReleaser({
    executable: process.execPath,
    readMaps: () => readFileSync("/proc/self/maps", "utf8"),
    openMadvise: (libc) =>
      dlopen(libc, { madvise: { args: ["u64", "u64", "i32"], returns: "i32" } }).symbols.madvise,
  });
}

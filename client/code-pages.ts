/** Gives back, from time to time, pages of the executable that are not needed any more. */
import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";
import { codePageReleaser } from "../core/host/code-pages.ts";
import type { Scheduler } from "./scheduler.ts";

/** By then registration and the first report are done, usually. */
const FIRST_MS = 10_000;
/** A round costs about a millisecond, for the pages that come back. */
const EVERY_MS = 120_000;

/** Starts giving them back; returns the function that ends it. */
export function releaseCodePagesRegularly(scheduler: Scheduler): () => void {
  const release = codePageReleaser({
    executable: process.execPath,
    readMaps: () => readFileSync("/proc/self/maps", "utf8"),
    openMadvise: (libc) =>
      dlopen(libc, { madvise: { args: ["u64", "u64", "i32"], returns: "i32" } }).symbols.madvise,
  });
  if (release === null) return () => {};
  let cancel = scheduler.after(FIRST_MS, round);
  function round(): void {
    cancel = scheduler.after(EVERY_MS, round);
    release?.();
  }
  return () => cancel();
}

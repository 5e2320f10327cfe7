/** Where the programs under test are: the compiled executables, or the sources with `OPSEN_TEST_SOURCE=1`. */
import { existsSync } from "node:fs";
import { join } from "node:path";

export type Program = "server" | "client";

const ROOT = join(import.meta.dir, "..", "..");

/** Tells whether the sources are run instead of the compiled executables. */
export const FROM_SOURCE = process.env.OPSEN_TEST_SOURCE === "1";

/** Gives the words that start a program, before its own arguments. */
export function commandOf(program: Program): string[] {
  if (FROM_SOURCE) return [process.execPath, join(ROOT, program, "main.ts")];
  const suffix = process.platform === "win32" ? ".exe" : "";
  const path = join(ROOT, "dist", `opsen-${program}${suffix}`);
  if (!existsSync(path)) {
    throw new Error(
      `${path} is missing: run "npm run build", or set OPSEN_TEST_SOURCE=1 to test the sources`,
    );
  }
  return [path];
}

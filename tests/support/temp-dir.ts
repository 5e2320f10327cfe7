import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes a fresh directory; the caller removes it with {@link removeDir}. */
export function makeTempDir(): string {
  return mkdtempSync(join(tmpdir(), "opsen-test-"));
}

export function removeDir(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

import { closeSync, openSync } from "node:fs";

/**
 * Tells whether this process can open nothing more. Bun reports a connection that fails for want of a file descriptor
 * as one that was refused; asked after such a failure, this says which it was.
 */
export function isOutOfDescriptors(): boolean {
  try {
    closeSync(openSync("/dev/null", "r"));
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && (error.code === "EMFILE" || error.code === "ENFILE");
  }
}

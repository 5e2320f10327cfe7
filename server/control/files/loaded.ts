/** Reading files that the configuration names, with everything that is wrong with them. */
import type { FileFault } from "../../../core/config/load.ts";
import { messageOf } from "../../../core/log/message-of.ts";

/** What was read, as far as that was possible, and everything that is wrong. */
export interface Loaded<T> {
  readonly value: T | null;
  readonly faults: readonly FileFault[];
}

/** Where a fault belongs in the configuration. */
export type Path = FileFault["path"];

/** Does `work`; what it throws is noted as a fault, and the result is null. */
export function attempt<T>(path: Path, complaint: string, faults: FileFault[], work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    faults.push({
      path,
      message: `${complaint} (${messageOf(error)})`,
    });
    return null;
  }
}

export function unreadable(file: string): string {
  return `cannot read ${file}; check the path and its permissions`;
}

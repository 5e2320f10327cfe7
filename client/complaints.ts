/** Says once that something fails, and once that it works again, however often it is tried in between. */
import { messageOf } from "../core/log/message-of.ts";
import type { Logger } from "./logger.ts";

export class Complaints {
  readonly #log: Logger;
  readonly #failing = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Records that `kind` failed; the first time in a row it is logged. */
  failed(kind: string, reason: unknown): void {
    if (this.#failing.has(kind)) return;
    this.#failing.add(kind);
    const why = messageOf(reason);
    this.#log.warn(`cannot read ${kind}; trying again each second`, { reason: why });
  }

  /** Records that `kind` was read. */
  worked(kind: string): void {
    // The set is empty on a healthy host, so that this costs nothing each second.
    if (this.#failing.size === 0 || !this.#failing.delete(kind)) return;
    this.#log.info(`${kind} can be read again`);
  }
}

/** Forgets, from time to time, what is of no use any more. */
import { tmpdir } from "node:os";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import type { Logger } from "../logging/logger.ts";
import { removeAbandonedSockets } from "../socket/abandoned-sockets.ts";
import type { Store } from "../store/store.ts";
import type { Registry } from "./registry.ts";

/** A backend is forgotten after this many stale windows without a sign of life; the original's rule. */
const STALE_WINDOWS = 3;
const HOUR_MS = 3_600_000;

export interface SweepOptions {
  /** May be another at any time. */
  readonly live: { readonly config: ServerConfig };
  readonly registry: Registry;
  readonly store: Store;
  readonly log: Logger;
  readonly now: () => number;
}

/** Runs every `cleanup_interval_seconds` until it is stopped. */
export class Sweep {
  readonly #options: SweepOptions;
  #timer: ReturnType<typeof setTimeout>;
  #everySeconds = 0;

  constructor(options: SweepOptions) {
    this.#options = options;
    this.#timer = this.#schedule();
  }

  /** The configuration is another: the next sweep is due as long after now as it says. */
  adapt(): void {
    const everySeconds = this.#options.live.config.cleanup_interval_seconds;
    if (everySeconds === this.#everySeconds) return;
    clearTimeout(this.#timer);
    this.#timer = this.#schedule();
  }

  /** One sweep, now. */
  async run(): Promise<void> {
    const { live, registry, store, now } = this.#options;
    const { config } = live;
    const nowMs = now();
    await removeAbandonedSockets(tmpdir(), nowMs);
    await registry.forgetUnseen(nowMs, STALE_WINDOWS * config.stale_minutes * 60_000);
    registry.purgeRows(nowMs);
    store.trim({
      reportsBeforeMs: nowMs - config.stats_retention_hours * HOUR_MS,
      stickyBeforeMs: nowMs - config.sticky_ttl_seconds * 1000,
      maxSticky: config.max_sticky_entries,
    });
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #schedule(): ReturnType<typeof setTimeout> {
    const { live, log } = this.#options;
    this.#everySeconds = live.config.cleanup_interval_seconds;
    return setTimeout(() => {
      this.#timer = this.#schedule();
      this.run().catch((error: unknown) => log.error("the sweep failed", { error }));
    }, this.#everySeconds * 1000);
  }
}

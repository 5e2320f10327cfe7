/** Stand-ins for time and for the log, shared by the tests of the agent. */
import type { Logger } from "../../client/logger.ts";
import type { Scheduler } from "../../client/scheduler.ts";

/** A scheduler whose timers run when the test says so. */
export class ManualScheduler implements Scheduler {
  nowMs = 0;
  epochMs = Date.UTC(2026, 0, 1);
  randomValue = 1;
  readonly #timers: { readonly dueMs: number; readonly action: () => void }[] = [];
  #waiting: (() => void)[] = [];

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.epochMs + this.nowMs;
  }

  random(): number {
    return this.randomValue;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { dueMs: this.nowMs + delayMs, action };
    this.#timers.push(timer);
    for (const resolve of this.#waiting.splice(0)) resolve();
    return () => {
      const at = this.#timers.indexOf(timer);
      if (at >= 0) this.#timers.splice(at, 1);
    };
  }

  get pending(): number {
    return this.#timers.length;
  }

  /** Waits until something waits for a timer. */
  async idle(): Promise<void> {
    while (this.#timers.length === 0) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  /** Waits until something waits for a timer, moves the clock to the earliest and runs it; gives its delay. */
  async fire(): Promise<number> {
    await this.idle();
    const timer = this.#timers.toSorted((a, b) => a.dueMs - b.dueMs)[0];
    if (timer === undefined) throw new Error("no timer");
    this.#timers.splice(this.#timers.indexOf(timer), 1);
    const delayMs = timer.dueMs - this.nowMs;
    this.nowMs = timer.dueMs;
    timer.action();
    return delayMs;
  }
}

export interface LoggedLine {
  readonly level: string;
  readonly message: string;
  readonly data: unknown;
}

/** A logger that remembers. */
export function recordingLogger(): { readonly log: Logger; readonly lines: LoggedLine[] } {
  const lines: LoggedLine[] = [];
  const at = (level: string) => (message: string, data?: unknown) => {
    lines.push({ level, message, data });
  };
  const log = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    fatal: at("fatal"),
  };
  return { log, lines };
}

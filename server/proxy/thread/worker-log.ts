import {
  formatLine,
  type LogData,
  type LogLevel,
  levelAtLeast,
  toLogLevel,
} from "../../../core/log/format.ts";
import type { FromWorker, StickyAssignment } from "../../../core/plane/messages.ts";

const FLUSH_AFTER_MS = 50;
/** More than this in one batch is a flood: further lines are dropped and counted. */
const MAX_BATCH_CHARS = 4_194_304;
const MAX_STICKY_BATCH = 65_536;
const WARN_INTERVAL_MS = 1000;

export interface WorkerLogOptions {
  readonly level: string;
  readonly json: boolean;
  readonly post: (message: FromWorker) => void;
  readonly onDropped: (lines: number) => void;
}

/** Gathers log lines and sticky assignments and hands them to the main thread in batches. */
export class WorkerLog {
  readonly accessEnabled: boolean;
  readonly #least: LogLevel;
  readonly #json: boolean;
  readonly #post: (message: FromWorker) => void;
  readonly #onDropped: (lines: number) => void;
  #lines = "";
  #assignments: StickyAssignment[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;
  #nextWarnMs = 0;
  #suppressed = 0;

  constructor(options: WorkerLogOptions) {
    this.#least = toLogLevel(options.level);
    this.#json = options.json;
    this.#post = options.post;
    this.#onDropped = options.onDropped;
    this.accessEnabled = levelAtLeast("info", this.#least);
  }

  write(level: LogLevel, message: string, component: string, data: LogData): void {
    if (!levelAtLeast(level, this.#least)) return;
    if (this.#lines.length > MAX_BATCH_CHARS) {
      this.#onDropped(1);
      return;
    }
    this.#lines += `${formatLine({ timestampMs: Date.now(), level, message, component, data }, this.#json)}\n`;
    this.#schedule();
  }

  /** A warning that a flood of requests can cause: at most one a second, with the number that was left out. */
  warn(message: string, data: LogData): void {
    const nowMs = Date.now();
    if (nowMs < this.#nextWarnMs && this.#nextWarnMs - nowMs <= WARN_INTERVAL_MS) {
      this.#suppressed++;
      return;
    }
    this.#nextWarnMs = nowMs + WARN_INTERVAL_MS;
    const suppressed = this.#suppressed === 0 ? undefined : this.#suppressed;
    this.#suppressed = 0;
    this.write("warn", message, "proxy", { ...data, suppressed });
  }

  /** Notes a new sticky assignment, to be persisted by the control plane. */
  sticky(assignment: StickyAssignment): void {
    if (this.#assignments.length >= MAX_STICKY_BATCH) return;
    this.#assignments.push(assignment);
    this.#schedule();
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#lines !== "") {
      this.#post({ type: "log", lines: this.#lines });
      this.#lines = "";
    }
    if (this.#assignments.length > 0) {
      this.#post({ type: "sticky", assignments: this.#assignments });
      this.#assignments = [];
    }
  }

  #schedule(): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => this.flush(), FLUSH_AFTER_MS);
  }
}

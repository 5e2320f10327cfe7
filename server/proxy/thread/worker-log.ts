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

/** Bounds the warnings of one message. */
interface WarnGate {
  nextMs: number;
  suppressed: number;
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
  /** By message. */
  readonly #warnings = new Map<string, WarnGate>();

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

  /**
   * A warning that a flood of requests can cause: each message at most once a second, with the
   * number left out. Messages are fixed texts; what varies belongs in `data`.
   */
  warn(message: string, data: LogData): void {
    const nowMs = Date.now();
    const gate = this.#gateOf(message);
    if (nowMs < gate.nextMs && gate.nextMs - nowMs <= WARN_INTERVAL_MS) {
      gate.suppressed++;
      return;
    }
    gate.nextMs = nowMs + WARN_INTERVAL_MS;
    const suppressed = gate.suppressed === 0 ? undefined : gate.suppressed;
    gate.suppressed = 0;
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

  #gateOf(message: string): WarnGate {
    const known = this.#warnings.get(message);
    if (known !== undefined) return known;
    const gate: WarnGate = { nextMs: 0, suppressed: 0 };
    this.#warnings.set(message, gate);
    return gate;
  }

  #schedule(): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => this.flush(), FLUSH_AFTER_MS);
  }
}

import {
  formatLine,
  type LogData,
  type LogLevel,
  type LogLine,
  levelAtLeast,
  MAX_VALUE_LENGTH,
  toLogLevel,
} from "../../../core/log/format.ts";
import type { FromWorker, StickyAssignment } from "../../../core/plane/messages.ts";
import { LineGate } from "./line-gate.ts";

const FLUSH_AFTER_MS = 50;
/** More than this in one batch is a flood: further lines are dropped and counted. */
const MAX_BATCH_CHARS = 4_194_304;
const MAX_STICKY_BATCH = 65_536;
/** Of one message or code, in a second. */
const MAX_WARNINGS = 1;
const MAX_REFUSALS = 10;

export interface WorkerLogOptions {
  readonly level: string;
  readonly json: boolean;
  readonly post: (message: FromWorker) => void;
  readonly onDropped: (lines: number) => void;
  /** A clock that never goes back, in milliseconds. */
  readonly monotonicMs: () => number;
}

/** Gathers log lines and sticky assignments and hands them to the main thread in batches. */
export class WorkerLog {
  accessEnabled = false;
  #least: LogLevel = "info";
  readonly #json: boolean;
  readonly #post: (message: FromWorker) => void;
  readonly #onDropped: (lines: number) => void;
  readonly #monotonicMs: () => number;
  #lines = "";
  #assignments: StickyAssignment[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** By message, and by code; both are fixed texts. */
  readonly #gates = new Map<string, LineGate>();

  constructor(options: WorkerLogOptions) {
    this.#json = options.json;
    this.#post = options.post;
    this.#onDropped = options.onDropped;
    this.#monotonicMs = options.monotonicMs;
    this.setLevel(options.level);
  }

  /** Leaves lines out that are less severe than `log_level`. */
  setLevel(level: string): void {
    this.#least = toLogLevel(level);
    this.accessEnabled = levelAtLeast("info", this.#least);
  }

  write(level: LogLevel, message: string, component: string, data: LogData): void {
    this.#add({ timestampMs: Date.now(), level, message, component, data });
  }

  /** A message of HTTP with the beginning of its body, of so many bytes at most. */
  message(message: string, bodyBytes: number, data: LogData): void {
    const maxValueLength = Math.max(bodyBytes, MAX_VALUE_LENGTH);
    this.#add({
      timestampMs: Date.now(),
      level: "info",
      message,
      component: "message",
      data,
      maxValueLength,
    });
  }

  #add(line: LogLine): void {
    if (!levelAtLeast(line.level, this.#least)) return;
    if (this.#lines.length > MAX_BATCH_CHARS) {
      this.#onDropped(1);
      return;
    }
    this.#lines += `${formatLine(line, this.#json)}\n`;
    this.#schedule();
  }

  /**
   * A warning that a flood of requests can cause: each message at most once a second, with the
   * number left out. Messages are fixed texts; what varies belongs in `data`.
   */
  warn(message: string, data: LogData): void {
    const gate = this.#gateOf(message, MAX_WARNINGS);
    if (!gate.allows(this.#monotonicMs())) return;
    this.write("warn", message, "proxy", { ...data, suppressed: gate.takeSuppressed() });
  }

  /**
   * Asks for an access line about a request that was refused: ten a second for each code, or else a flood of bad
   * requests would be one of lines. Gives what is to be written besides; null when there are too many.
   */
  refusal(code: string): { readonly suppressed: number | undefined } | null {
    const gate = this.#gateOf(code, MAX_REFUSALS);
    return gate.allows(this.#monotonicMs()) ? { suppressed: gate.takeSuppressed() } : null;
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

  #gateOf(what: string, perSecond: number): LineGate {
    const known = this.#gates.get(what);
    if (known !== undefined) return known;
    const gate = new LineGate(perSecond);
    this.#gates.set(what, gate);
    return gate;
  }

  #schedule(): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => this.flush(), FLUSH_AFTER_MS);
  }
}

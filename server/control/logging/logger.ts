/** Log lines of the control plane. */
import {
  formatLine,
  type LogData,
  type LogLevel,
  levelAtLeast,
  toLogLevel,
} from "../../../core/log/format.ts";
import type { Outlet } from "./outlet.ts";
import { LogSink } from "./sink.ts";

/** Writes lines of one component. Keys, tokens and secrets are never passed in. */
export interface Logger {
  debug(message: string, data?: LogData): void;
  info(message: string, data?: LogData): void;
  warn(message: string, data?: LogData): void;
  error(message: string, data?: LogData): void;
}

export interface LogOptions {
  /** `log_level`. */
  readonly level: string;
  /** `json_logging`. */
  readonly json: boolean;
  readonly outlet: Outlet;
  readonly now: () => number;
}

/** The process's log: loggers for components, and the way out for finished lines of workers. */
export class Log {
  readonly #options: LogOptions;
  #least: LogLevel;
  readonly #sink: LogSink;
  /** Hears every line that is written, whether or not stdout takes it. */
  onLines: (lines: string) => void = () => {};

  constructor(options: LogOptions) {
    this.#options = options;
    this.#least = toLogLevel(options.level);
    const { outlet } = options;
    this.#sink = new LogSink(outlet, (dropped) =>
      this.#format("warn", "log", outlet.dropReason, { dropped }),
    );
  }

  /** Leaves lines out that are less severe than `log_level`. */
  setLevel(level: string): void {
    this.#least = toLogLevel(level);
  }

  component(component: string): Logger {
    const line =
      (level: LogLevel) =>
      (message: string, data?: LogData): void => {
        if (levelAtLeast(level, this.#least)) this.writeLines(this.#format(level, component, message, data));
      };
    return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
  }

  /** Writes the last line of a process that cannot go on; no level leaves it out. */
  fatal(component: string, message: string): void {
    this.#sink.write(this.#format("fatal", component, message));
  }

  /** Writes finished lines, as those of a worker. */
  writeLines(lines: string): void {
    this.#sink.write(lines);
    this.onLines(lines);
  }

  async flush(withinMs: number): Promise<void> {
    await this.#sink.flush(withinMs);
  }

  flushSync(): void {
    this.#sink.flushSync();
  }

  #format(level: LogLevel, component: string, message: string, data?: LogData): string {
    const line = { timestampMs: this.#options.now(), level, message, component };
    return `${formatLine(data === undefined ? line : { ...line, data }, this.#options.json)}\n`;
  }
}

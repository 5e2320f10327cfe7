/** The agent's log: one line per fact on stdout, formatted by core/log. */
import { writeSync } from "node:fs";
import { formatLine, type LogData, type LogLevel, levelAtLeast } from "../core/log/format.ts";

/** Speaks for one part of the agent. Data must never hold a key or a token. */
export interface Logger {
  debug(message: string, data?: LogData): void;
  info(message: string, data?: LogData): void;
  warn(message: string, data?: LogData): void;
  error(message: string, data?: LogData): void;
  /** For what ends the agent. */
  fatal(message: string, data?: LogData): void;
}

export interface LogOptions {
  readonly least: LogLevel;
  readonly json: boolean;
  readonly now: () => number;
  readonly write: (line: string) => void;
}

/** Makes loggers that share one threshold, form and output. */
export class Log {
  readonly #options: LogOptions;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  /** Gives the logger of a component. */
  component(name: string): Logger {
    const at = (level: LogLevel) => (message: string, data?: LogData) =>
      this.#write(level, name, message, data);
    const loud = { warn: at("warn"), error: at("error"), fatal: at("fatal") };
    return { debug: at("debug"), info: at("info"), ...loud };
  }

  #write(level: LogLevel, component: string, message: string, data: LogData | undefined): void {
    const { least, json, now, write } = this.#options;
    if (!levelAtLeast(level, least)) return;
    const line = { timestampMs: now(), level, component, message };
    write(`${formatLine(data === undefined ? line : { ...line, data }, json)}\n`);
  }
}

/** Writes a line to stdout at once; a closed or full pipe loses the line, never the agent. */
export function writeToStdout(line: string): void {
  try {
    writeSync(1, line);
  } catch {
    // Whoever read the log is gone or stuck; there is no other place to say so.
  }
}

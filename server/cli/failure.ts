/** How a command ends, and the exit codes that scripts rely on. */

export const EXIT = {
  ok: 0,
  /** The server refused it, or it failed. */
  failed: 1,
  usage: 2,
  unreachable: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command: the message goes to the standard error as it is. */
export class CommandFailure extends Error {
  readonly exitCode: ExitCode;
  /** What the server answered, for `--json`; null when it said nothing. */
  readonly answer: string | null;

  constructor(exitCode: ExitCode, message: string, answer: string | null = null) {
    super(message);
    this.exitCode = exitCode;
    this.answer = answer;
  }
}

/**
 * The terminal while `top` has it: another screen, raw keys, and everything as before at the end, however that
 * comes. Only lines that changed are written, in one write, so that nothing flickers.
 */

const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/** Asks the terminal to show what is in between at once; who does not know it passes it over. */
const BEGIN_UPDATE = "\x1b[?2026h";
const END_UPDATE = "\x1b[?2026l";
const END_SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGQUIT: 131 } as const;

export interface TerminalEvents {
  readonly onKeys: (typed: string) => void;
  readonly onResize: () => void;
  /** A signal, or the end of the input; with the exit code. */
  readonly onEnd: (exitCode: number) => void;
}

export class Terminal {
  readonly #events: TerminalEvents;
  #shown: readonly string[] = [];
  #isOpen = false;
  readonly #onData = (data: Buffer | string): void => this.#events.onKeys(data.toString());
  readonly #onClose = (): void => this.#events.onEnd(0);
  readonly #onResize = (): void => {
    this.#shown = [];
    this.#events.onResize();
  };
  readonly #onContinue = (): void => {
    this.#enter();
    this.#events.onResize();
  };
  // Last of all: a mistake of ours must not leave the terminal raw either.
  readonly #onExit = (): void => this.#leave();

  constructor(events: TerminalEvents) {
    this.#events = events;
  }

  get columns(): number {
    return process.stdout.columns || 80;
  }

  get lines(): number {
    return process.stdout.rows || 24;
  }

  open(): void {
    const { stdin, stdout } = process;
    stdin.on("data", this.#onData);
    stdin.on("end", this.#onClose);
    stdout.on("resize", this.#onResize);
    stdout.on("error", this.#onClose);
    process.on("SIGCONT", this.#onContinue);
    process.on("exit", this.#onExit);
    for (const [signal, code] of Object.entries(END_SIGNALS))
      process.on(signal, () => this.#events.onEnd(code));
    this.#enter();
  }

  close(): void {
    process.off("exit", this.#onExit);
    process.off("SIGCONT", this.#onContinue);
    process.stdout.off("resize", this.#onResize);
    process.stdin.off("data", this.#onData);
    process.stdin.off("end", this.#onClose);
    this.#leave();
    process.stdin.pause();
  }

  /** Stops the process as Ctrl-Z does elsewhere; it goes on with SIGCONT. */
  suspend(): void {
    this.#leave();
    process.kill(process.pid, "SIGSTOP");
  }

  /** Shows lines from the top on. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    let text = "";
    for (const [index, line] of lines.entries()) {
      if (this.#shown[index] !== line) text += `\x1b[${index + 1};1H${line}\x1b[K`;
    }
    for (let row = lines.length; row < this.#shown.length; row++) text += `\x1b[${row + 1};1H\x1b[K`;
    this.#shown = [...lines];
    if (text !== "") process.stdout.write(BEGIN_UPDATE + text + END_UPDATE);
  }

  /** Draws everything anew with the next picture. */
  forget(): void {
    this.#shown = [];
    if (this.#isOpen) process.stdout.write("\x1b[2J");
  }

  #enter(): void {
    this.#shown = [];
    this.#isOpen = true;
    setRaw(true);
    process.stdin.resume();
    process.stdout.write(ENTER);
  }

  #leave(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.stdout.write(LEAVE);
    setRaw(false);
  }
}

/** Without a terminal for its input, `top` is steered by signals alone. */
function setRaw(isRaw: boolean): void {
  if (process.stdin.isTTY) process.stdin.setRawMode(isRaw);
}

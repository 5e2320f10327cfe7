/** How long an exchange may take beside the wait at hand: in total, and at a pace that is too slow. */

export interface DeadlineOptions {
  /** From the head of the request to the end of the answer; 0 = any time. */
  readonly totalMs: number;
  /** Slowest average at which a client that we wait for may send or take; 0 = any. */
  readonly bytesPerSecond: number;
}

/** What moves between client and proxy. */
export interface Progress {
  /** Octets of both bodies that have left the sender and reached the receiver. */
  readonly bytes: number;
  /** It is the client that we wait for. */
  readonly waitsForClient: boolean;
}

export type Verdict = "wait" | "due" | "total" | "slow";

/** Over so long the pace is measured: shorter silences are no slowness. */
const WINDOW_MS = 10_000;

/** The deadlines of one exchange after the other; time is an argument, in milliseconds of a clock that never goes back. */
export class Deadlines {
  readonly #options: DeadlineOptions;
  #endMs = 0;
  #dueMs = 0;
  #windowMs = 0;
  #bytes = 0;
  #didWait = false;

  constructor(options: DeadlineOptions) {
    this.#options = options;
  }

  /** Whether there is anything to watch beside the wait at hand. */
  get isOn(): boolean {
    return this.#options.totalMs > 0 || this.#options.bytesPerSecond > 0;
  }

  begin(nowMs: number): void {
    this.#endMs = this.#options.totalMs > 0 ? nowMs + this.#options.totalMs : Number.POSITIVE_INFINITY;
    this.#windowMs = this.#options.bytesPerSecond > 0 ? nowMs + WINDOW_MS : Number.POSITIVE_INFINITY;
    this.#bytes = 0;
    this.#didWait = false;
  }

  /** Notes how long the wait at hand may take; gives after how long to look again. */
  wait(forMs: number, nowMs: number): number {
    this.#dueMs = nowMs + forMs;
    return this.#left(nowMs);
  }

  /** Looks: what has come about, and with "wait" after how long to look again. */
  look(nowMs: number, progress: Progress): { readonly verdict: Verdict; readonly againMs: number } {
    if (nowMs >= this.#endMs) return { verdict: "total", againMs: 0 };
    if (nowMs >= this.#dueMs) return { verdict: "due", againMs: 0 };
    if (nowMs >= this.#windowMs && this.#isSlow(nowMs, progress)) return { verdict: "slow", againMs: 0 };
    return { verdict: "wait", againMs: this.#left(nowMs) };
  }

  /** Judges the window that ends, in which the client was waited for at both ends, and begins the next one. */
  #isSlow(nowMs: number, { bytes, waitsForClient }: Progress): boolean {
    const seconds = (nowMs - this.#windowMs + WINDOW_MS) / 1000;
    const isSlow =
      waitsForClient && this.#didWait && bytes - this.#bytes < this.#options.bytesPerSecond * seconds;
    this.#windowMs = nowMs + WINDOW_MS;
    this.#bytes = bytes;
    this.#didWait = waitsForClient;
    return isSlow;
  }

  #left(nowMs: number): number {
    return Math.max(0, Math.min(this.#dueMs, this.#endMs, this.#windowMs) - nowMs);
  }
}

import { reportFault } from "../thread/faults.ts";

const FLUSH_AT_BYTES = 65_536;

/**
 * Holds bytes of a body back for a while, to send fewer and larger pieces; for `proxy_sse_flush_interval_ms`. Meant for
 * bodies of known length that are no event streams: all others are passed on as they come.
 */
export class Gatherer {
  readonly #intervalMs: number;
  readonly #deliver: (bytes: Buffer) => void;
  #pieces: Buffer[] = [];
  #length = 0;
  /** A piece was lost: what follows must not be taken for the rest. */
  #hasGap = false;
  #clears = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(intervalMs: number, deliver: (bytes: Buffer) => void) {
    this.#intervalMs = intervalMs;
    this.#deliver = deliver;
  }

  /** Takes a piece of a body; the last one is not held back. */
  add(bytes: Buffer, isLast: boolean): void {
    if (this.#hasGap) throw new Error("a piece of the body before this one could not be delivered");
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    if (isLast || this.#length >= FLUSH_AT_BYTES) this.flush();
    else this.#timer ??= setTimeout(() => this.#flushLate(), this.#intervalMs);
  }

  /** Delivers what is held, at once. */
  flush(): void {
    const pieces = this.#pieces;
    this.clear();
    if (pieces.length > 0) this.#deliver(Buffer.concat(pieces));
  }

  /** Forgets what is held. */
  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#pieces = [];
    this.#length = 0;
    this.#hasGap = false;
    this.#clears++;
  }

  /** A fault in a timer would end the thread; kept, it ends the one connection whose bytes come next. */
  #flushLate(): void {
    const clears = this.#clears + 1;
    try {
      this.flush();
    } catch (error) {
      reportFault(error);
      // Cleared by the delivery too, the body has ended: the next one has no gap.
      this.#hasGap = this.#clears === clears;
    }
  }
}

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
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(intervalMs: number, deliver: (bytes: Buffer) => void) {
    this.#intervalMs = intervalMs;
    this.#deliver = deliver;
  }

  /** Takes a piece of a body of which `remaining` bytes have not been delivered: its end is not held back. */
  add(bytes: Buffer, remaining: number): void {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    if (this.#length >= Math.min(FLUSH_AT_BYTES, remaining)) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), this.#intervalMs);
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
  }
}

const FLUSH_AT_BYTES = 65_536;

/** Holds streamed bytes back for a while, to send fewer and larger pieces; for `proxy_sse_flush_interval_ms`. */
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

  add(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    if (this.#length >= FLUSH_AT_BYTES) this.flush();
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

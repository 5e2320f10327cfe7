const NOTHING: Buffer = Buffer.alloc(0);
const LEAST_CAPACITY = 4096;

/**
 * Bytes that have arrived and are not read yet. One chunk is kept by reference; more are joined in a buffer that
 * doubles, so that a trickle costs linear time. Bytes never move in place: heads may point into the buffer.
 */
export class ByteStash {
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  #owned = false;

  get length(): number {
    return this.end - this.start;
  }

  append(chunk: Buffer): void {
    if (this.start === this.end) {
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      this.#owned = false;
      return;
    }
    if (!this.#owned || this.bytes.length - this.end < chunk.length) this.#grow(chunk.length);
    this.end += chunk.copy(this.bytes, this.end);
  }

  clear(): void {
    this.bytes = NOTHING;
    this.start = 0;
    this.end = 0;
    this.#owned = false;
  }

  #grow(more: number): void {
    const capacity = Math.max(LEAST_CAPACITY, 2 * (this.length + more));
    const grown = Buffer.allocUnsafe(capacity);
    this.end = this.bytes.copy(grown, 0, this.start, this.end);
    this.start = 0;
    this.bytes = grown;
    this.#owned = true;
  }
}

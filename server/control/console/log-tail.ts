/** The last lines of the log, for the console. */

/** About 2,000 lines. */
const MAX_BYTES = 256 * 1024;
const MAX_LINE = 2_000;

/** Keeps what was logged last, as it was written, and splits it only when somebody looks. */
export class LogTail {
  #chunks: { readonly first: number; readonly text: string }[] = [];
  #size = 0;
  /** Number of the next chunk. */
  #next = 0;

  /** Takes finished lines, each ending in a newline. */
  push(text: string): void {
    this.#chunks.push({ first: this.#next++, text });
    this.#size += text.length;
    while (this.#size > MAX_BYTES && this.#chunks.length > 1) {
      this.#size -= this.#chunks.shift()?.text.length ?? 0;
    }
  }

  /** Where the log is now, to be asked from later. */
  get position(): number {
    return this.#next;
  }

  /** The lines since a position, the last `most` of them. */
  since(position: number, most: number): string[] {
    const lines: string[] = [];
    for (const { first, text } of this.#chunks) {
      if (first < position) continue;
      for (const line of text.split("\n")) if (line !== "") lines.push(line.slice(0, MAX_LINE));
    }
    return lines.slice(-most);
  }
}

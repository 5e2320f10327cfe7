import type { Stream } from "./stream.ts";

/** How a stream ended: by our RST_STREAM, by the peer's, or by both ends of its messages. */
export type Ending = "reset by us" | "reset by the peer" | "complete";

/** Frames of a stream that we reset may still be under way; of so many closed streams we know how they ended. */
const REMEMBERED = 1024;

/** The streams of a session that are open, and what is remembered of the others. */
export class StreamTable {
  readonly #open = new Map<number, Stream>();
  readonly #endings = new Map<number, Ending>();

  get size(): number {
    return this.#open.size;
  }

  get(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  add(stream: Stream): void {
    this.#open.set(stream.id, stream);
  }

  /** Ends a stream; one that was never open too. */
  close(id: number, ending: Ending): void {
    this.#open.delete(id);
    this.#endings.set(id, ending);
    if (this.#endings.size <= REMEMBERED) return;
    const [oldest] = this.#endings.keys();
    if (oldest !== undefined) this.#endings.delete(oldest);
  }

  /** How a closed stream ended; null when it is too long ago. */
  endingOf(id: number): Ending | null {
    return this.#endings.get(id) ?? null;
  }

  /** The open streams as of now. */
  all(): Stream[] {
    return [...this.#open.values()];
  }
}

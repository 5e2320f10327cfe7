import { FIRST_WINDOW } from "./frame.ts";
import type { Stream } from "./stream.ts";

/**
 * What the peer may send: to each stream so much before its owner has consumed it, and to all together so much. It is
 * told of room anew when half a window has been consumed.
 */
export class ReceiveWindow {
  readonly #streamBytes: number;
  readonly #connectionBytes: number;
  /** Tells the peer of more room; stream 0 is the connection. */
  readonly #grant: (stream: number, bytes: number) => void;
  #left: number;
  #unreturned = 0;

  constructor(
    windows: { readonly stream: number; readonly connection: number },
    grant: (stream: number, bytes: number) => void,
  ) {
    this.#streamBytes = windows.stream;
    this.#connectionBytes = windows.connection;
    this.#left = windows.connection;
    this.#grant = grant;
  }

  /** The peer's view of a connection starts smaller: tells it of the rest. */
  open(): void {
    if (this.#connectionBytes > FIRST_WINDOW) this.#grant(0, this.#connectionBytes - FIRST_WINDOW);
  }

  /** Takes octets out of the connection's window; false when it had not so many. */
  take(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }

  /** Octets that no owner wants are consumed at once. */
  discard(bytes: number): void {
    this.#unreturned += bytes;
    if (this.#unreturned < this.#connectionBytes / 2) return;
    this.#left += this.#unreturned;
    this.#grant(0, this.#unreturned);
    this.#unreturned = 0;
  }

  /** The owner of a stream has consumed what was held. */
  consume(stream: Stream): void {
    const { held } = stream;
    stream.held = 0;
    stream.unreturned += held;
    this.discard(held);
    // Who has sent all needs no more room.
    if (stream.remoteEnded || stream.unreturned < this.#streamBytes / 2) return;
    stream.receiveWindow += stream.unreturned;
    this.#grant(stream.id, stream.unreturned);
    stream.unreturned = 0;
  }
}

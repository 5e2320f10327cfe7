import type { FrameOutput } from "../../../core/http2/sender.ts";
import type { SendBuffer } from "../net/send-buffer.ts";
import type { ByteSocket } from "../net/socket.ts";

/** Gathers frames in the worker's send buffer, so that those of one event leave with one system call. */
export class SocketOutput implements FrameOutput {
  readonly #out: SendBuffer;
  readonly #socket: ByteSocket;

  constructor(out: SendBuffer, socket: ByteSocket) {
    this.#out = out;
    this.#socket = socket;
  }

  get pendingBytes(): number {
    return this.#socket.pendingBytes;
  }

  add(bytes: Buffer, start: number, end: number): void {
    this.#out.to(this.#socket);
    this.#out.add(bytes, start, end);
  }

  flush(): void {
    this.#out.flush();
  }
}

import type { TLSSocket } from "node:tls";
import { reportFault } from "../thread/faults.ts";
import { freeBytes } from "./free-bytes.ts";
import type { ByteSocket, SocketOwner } from "./socket.ts";

/** A {@link ByteSocket} over an accepted TLS connection of node:tls. */
export class SecureSocket implements ByteSocket {
  owner: SocketOwner;
  readonly peerAddress: string;
  readonly #raw: TLSSocket;
  #closed = false;

  constructor(raw: TLSSocket, owner: SocketOwner) {
    this.owner = owner;
    this.#raw = raw;
    this.peerAddress = raw.remoteAddress ?? "";
    let clean = true;
    raw.on("data", (chunk: Buffer) => this.#run(() => this.owner.onData(chunk)));
    raw.on("end", () => this.#run(() => this.owner.onEnd()));
    raw.on("drain", () => this.#run(() => this.owner.onDrain()));
    raw.on("error", () => {
      clean = false;
    });
    raw.on("close", () => {
      this.#closed = true;
      this.#run(() => this.owner.onClose(clean));
    });
  }

  get pendingBytes(): number {
    return this.#raw.writableLength;
  }

  write(bytes: Buffer): void {
    if (!this.#closed && this.#raw.writable) this.#raw.write(bytes);
  }

  writeScratch(scratch: Buffer, length: number): void {
    if (!this.#closed && this.#raw.writable) this.#raw.write(Buffer.from(scratch.subarray(0, length)));
  }

  release(bytes: Buffer): void {
    // What still waits is left to the collector: node does not say which of it has gone.
    if (this.#raw.writableLength === 0) freeBytes(bytes);
  }

  pause(): void {
    this.#raw.pause();
  }

  resume(): void {
    this.#raw.resume();
  }

  finish(): void {
    this.#raw.end();
  }

  close(): void {
    this.#raw.destroy();
  }

  /** Without a close_notify the peer knows that the stream was cut (RFC 8446 section 6.1). */
  abort(): void {
    this.#raw.destroy();
  }

  /** A callback that throws ends this connection and no other; node would end the thread. */
  #run(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      reportFault(error);
      this.#raw.destroy();
    }
  }
}

/**
 * The one face of a byte stream that the data plane sees, whatever carries it: a plain TCP or unix socket of Bun,
 * or a TLS socket of node:tls. Nothing here waits, and no call allocates unless the peer is slower than we are.
 */

/** What happens to a socket, told to whoever owns it at the moment. */
export interface SocketOwner {
  /** Called once when an outgoing connection is ready for use, TLS included; never for accepted ones. */
  onOpen(): void;
  /** Called before that when an outgoing connection has TCP, and TLS is still to come. */
  onConnected?(): void;
  /** Called with bytes of the peer; the buffer is a private copy that may be kept. */
  onData(chunk: Buffer): void;
  /** Called when the peer has sent everything it will send (FIN). The other direction still works. */
  onEnd(): void;
  /** Called when all bytes that had to wait have been handed to the kernel. */
  onDrain(): void;
  /** Called once, last. `clean` is false after a reset, a failed connect or a failed handshake. */
  onClose(clean: boolean): void;
}

/** A byte stream with an explicit queue. */
export interface ByteSocket {
  owner: SocketOwner;
  /** Address of the peer, empty for unix sockets. */
  readonly peerAddress: string;
  /** Bytes accepted by {@link write} that the kernel has not taken yet. */
  readonly pendingBytes: number;
  /** Sends bytes, keeping a reference to those that must wait. */
  write(bytes: Buffer): void;
  /** Sends `scratch[0, length)`, copying what must wait: the caller may reuse the buffer at once. */
  writeScratch(scratch: Buffer, length: number): void;
  /** Frees bytes that nobody needs any more, as soon as none of them wait to be sent; see {@link freeBytes}. */
  release(bytes: Buffer): void;
  /** Stops reading, so that the peer is slowed down by TCP. */
  pause(): void;
  resume(): void;
  /** Sends FIN after all waiting bytes. Reading goes on. */
  finish(): void;
  /** Closes both directions at once; waiting bytes are lost. */
  close(): void;
  /** Closes with a reset, so that the peer cannot take the stream for complete. */
  abort(): void;
}

/** Bytes waiting for a slow peer above which its source is paused until all of them are gone. */
export const HIGH_WATER_BYTES = 65_536;

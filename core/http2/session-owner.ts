import type { HeadLimits } from "../http/message-head.ts";
import type { FieldBlock } from "./field-block.ts";
import type { Stream } from "./stream.ts";

/** Who uses a session. */
export interface SessionOwner {
  /**
   * Reads the head of a message; returns why it is malformed, or "". For the first head of a stream that the peer has
   * opened it sets the stream's events; of a final head it sets `hasHead` and `expectedBytes`.
   */
  readHead(stream: Stream, block: FieldBlock, endsStream: boolean): string;
  /** A message was malformed, or a stream misused; the reason is one of a closed list. */
  onMalformed(reason: string): void;
  /** The peer has said what it is, a stream has ended, or no new one may be opened any more. */
  onChange(): void;
  /** The peer has answered a ping. */
  onPong(): void;
  /** The connection is over: it is to be closed after what was written. Streams have been told. */
  onOver(code: number, reason: string): void;
}

export interface SessionOptions {
  readonly isServer: boolean;
  readonly head: HeadLimits;
  /** Streams that the peer may have open at a time; for a client, those that it opens itself. */
  readonly maxStreams: number;
  /** Octets that may be under way to us, on one stream and on all together. */
  readonly window: { readonly stream: number; readonly connection: number };
  /** See GlitchBudget. */
  readonly glitches: { readonly burst: number; readonly perSecond: number };
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

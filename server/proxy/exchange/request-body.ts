import type { BodySink } from "./sides.ts";

/** Of more pieces than this a body is not replayed: a trickle must not cost an object for each byte. */
const REPLAY_PIECES = 64;
/** Pieces below this size are joined when they have to wait. */
const JOIN_BELOW_BYTES = 2048;
const JOINT_BYTES = 16_384;
const NO_TRAILERS: Buffer = Buffer.alloc(0);

interface Piece {
  readonly bytes: Buffer;
  readonly start: number;
  end: number;
  /** Bytes behind `end` are ours to fill. */
  readonly joint: boolean;
  /** Nobody else has the bytes. */
  readonly owned: boolean;
}

export type BodyFault = "none" | "malformed" | "too_large";

/** The body of one request, without its framing: holds what cannot be sent yet, or may have to be sent again. */
export class RequestBody {
  /** Everything has arrived from the client. */
  complete = true;
  fault: BodyFault = "none";
  /** Bytes of content so far. */
  received = 0;
  /** Bytes of content that wait for a connection. */
  unsentBytes = 0;
  /** All content so far is still here. */
  replayable = true;
  /** A body up to this size is kept until the response begins, so that it can be sent to another connection. */
  replayBytes: number;
  #limit = Number.POSITIVE_INFINITY;
  #pieces: Piece[] = [];
  #sent = 0;
  #ended = false;

  constructor(replayBytes: number) {
    this.replayBytes = replayBytes;
  }

  /** Starts a body that the client declares as so long, -1 for unknown; at most `limitBytes` of content are accepted. */
  begin(complete: boolean, declared: number, limitBytes: number): void {
    this.complete = complete;
    this.fault = declared > limitBytes ? "too_large" : "none";
    this.received = 0;
    this.unsentBytes = 0;
    this.replayable = true;
    this.#limit = limitBytes;
    this.#sent = 0;
    this.#ended = false;
    if (this.#pieces.length > 0) this.#pieces = [];
  }

  /** Takes the next content, bytes[start, end). `owned`: nobody else has the bytes. */
  take(bytes: Buffer, start: number, end: number, owned: boolean): void {
    const size = end - start;
    if (size <= 0) return;
    this.received += size;
    if (this.received > this.#limit) this.fault = "too_large";
    this.unsentBytes += size;
    if (this.replayable && this.#sent > 0 && this.#tooMuchToReplay()) this.giveUpReplay();
    if (this.#pieces.length > 0 && size < JOIN_BELOW_BYTES) this.#join(bytes, start, end);
    else this.#pieces.push({ bytes, start, end, joint: false, owned });
  }

  /** Sends what was held since the last call, and the end of the body once that is here. */
  send(to: BodySink): void {
    for (let index = this.#sent; index < this.#pieces.length; index++) {
      const piece = this.#pieces[index];
      if (piece === undefined) break;
      to.body(piece.bytes, piece.start, piece.end);
    }
    this.#sent = this.#pieces.length;
    this.unsentBytes = 0;
    if (!this.replayable) {
      for (const piece of this.#pieces) if (piece.owned) to.release(piece.bytes);
      this.#drop();
    }
    if (!this.complete || this.#ended) return;
    this.#ended = true;
    to.endBody(NO_TRAILERS);
  }

  /** No content is held: what came was sent or forgotten. */
  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Makes all content so far unsent again; only while {@link replayable}. */
  rewind(): void {
    this.#sent = 0;
    this.#ended = false;
    this.unsentBytes = this.received;
  }

  /** Lets go of what was sent: nothing will be sent again. */
  giveUpReplay(): void {
    if (!this.replayable) return;
    this.replayable = false;
    if (this.#sent === this.#pieces.length) this.#drop();
  }

  /** The content so far in one piece, for those who read it here. */
  content(): Buffer {
    const only = this.#pieces.length === 1 ? this.#pieces[0] : undefined;
    if (only !== undefined) return only.bytes.subarray(only.start, only.end);
    return Buffer.concat(this.#pieces.map((piece) => piece.bytes.subarray(piece.start, piece.end)));
  }

  /** Forgets content that nobody wants. */
  discard(): void {
    this.replayable = false;
    this.#drop();
  }

  #tooMuchToReplay(): boolean {
    return this.received > this.replayBytes || this.#pieces.length > REPLAY_PIECES;
  }

  #join(bytes: Buffer, start: number, end: number): void {
    const last = this.#sent < this.#pieces.length ? this.#pieces.at(-1) : undefined;
    if (last?.joint && last.bytes.length - last.end >= end - start) {
      last.end += bytes.copy(last.bytes, last.end, start, end);
      return;
    }
    const joint = Buffer.allocUnsafe(JOINT_BYTES);
    this.#pieces.push({
      bytes: joint,
      start: 0,
      end: bytes.copy(joint, 0, start, end),
      joint: true,
      owned: true,
    });
  }

  #drop(): void {
    this.#pieces = [];
    this.#sent = 0;
  }
}

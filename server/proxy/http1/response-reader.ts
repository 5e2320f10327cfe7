import type { HeadLimits } from "../../../core/http/request-head.ts";
import { parseResponseHead, ResponseHead } from "../../../core/http/response-head.ts";
import type { UpstreamUser } from "../exchange/sides.ts";
import { ByteStash } from "../net/byte-stash.ts";
import { BodyReader } from "./body-reader.ts";
import { NO_TRAILERS } from "./message-body.ts";

/** A backend that answers 1xx for ever must not hold a request for ever. */
const MAX_INTERIM = 32;
const CUT = "the connection ended before the answer";

/**
 * Reads one response of a connection after the other: interim heads, the final head, the body without its framing. Tells
 * the user of the connection as it goes, who may stop it or begin the next response in the middle of that.
 */
export class ResponseReader {
  readonly head = new ResponseHead();
  /** Moves on whenever a response is begun or given up: who reads on after a call to the user looks at it first. */
  epoch = 0;
  /** The backend sent more than its response: the connection must not be used again. */
  overrun = false;
  readonly #limits: HeadLimits;
  readonly #stash = new ByteStash();
  readonly #body = new BodyReader();
  #phase: "head" | "body" | "over" = "over";
  #method = "";
  #answered = false;
  #interim = 0;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  get isInBody(): boolean {
    return this.#phase === "body";
  }

  /** The response has arrived whole. */
  get isOver(): boolean {
    return this.#phase === "over";
  }

  /** Prepares for the response to a request of that method. */
  begin(method: string): void {
    this.stop();
    this.#phase = "head";
    this.#method = method;
    this.#answered = false;
    this.#interim = 0;
    this.overrun = false;
  }

  /** Forgets the response. */
  stop(): void {
    this.epoch++;
    this.#phase = "over";
    this.#stash.clear();
    this.head.reset();
  }

  /** Bytes behind the last head, for who takes the connection over. */
  takeRest(): Buffer {
    const { bytes, start, end } = this.#stash;
    const rest = bytes.subarray(start, end);
    this.stop();
    return rest;
  }

  /** Reads what has arrived. */
  push(chunk: Buffer, user: UpstreamUser): void {
    if (this.#phase === "body") this.#readBody(chunk, 0, chunk.length, user);
    else if (this.#phase === "head") this.#readHeads(chunk, user);
    else this.overrun = true;
  }

  /** The backend will send no more. */
  finish(user: UpstreamUser): void {
    if (this.#phase === "head") {
      this.lose(user, CUT);
    } else if (this.#phase === "body") {
      this.head.keepAlive = false;
      // Only a body without framing is complete by that.
      if (this.head.framing === "close") this.#end(user, NO_TRAILERS);
      else user.onBroken();
    }
  }

  /** The connection is gone before all of the response was there. */
  lose(user: UpstreamUser, reason: string): void {
    if (this.#phase === "head") user.onLost({ answered: this.#answered, unprocessed: false, reason });
    else if (this.#phase === "body") user.onBroken();
  }

  #readHeads(chunk: Buffer, user: UpstreamUser): void {
    const { head, epoch } = this;
    const stash = this.#stash;
    this.#answered = true;
    stash.append(chunk);
    while (stash.length > 0 && this.epoch === epoch) {
      const used = parseResponseHead(stash.bytes, stash.start, stash.end, this.#limits, this.#method, head);
      if (used === 0) return;
      if (used < 0) {
        user.onFault(head.fault);
        return;
      }
      stash.start += used;
      if (!head.informational) {
        this.#startBody(user);
        return;
      }
      if (++this.#interim > MAX_INTERIM) {
        user.onFault("more interim responses than a request may have");
        return;
      }
      user.onInterim(head);
    }
  }

  #startBody(user: UpstreamUser): void {
    const { head, epoch } = this;
    const { bytes, start, end } = this.#stash;
    this.#body.begin(head.framing, head.contentLength);
    // What came with the head is looked at before it: nothing has been passed on, so that the client can be told.
    if (this.#body.isBrokenIn(bytes, start, end)) {
      user.onFault("the chunked body is malformed");
      return;
    }
    this.#phase = this.#body.state === "done" ? "over" : "body";
    user.onHead(head);
    // What follows a 101 is not ours to read.
    if (this.epoch !== epoch || head.status === 101) return;
    if (this.#phase === "over") {
      this.overrun = start < end;
      user.onEnd(NO_TRAILERS);
    } else if (start < end) this.#readBody(bytes, start, end, user);
  }

  #readBody(bytes: Buffer, at: number, limit: number, user: UpstreamUser): void {
    const { epoch } = this;
    const body = this.#body;
    const next = body.read(bytes, at, limit);
    const { bytes: content, start, end, isJoined, state } = body;
    body.release();
    this.overrun = state === "done" && next < limit;
    if (start < end) user.onBody(content, start, end, state === "done");
    if (isJoined) user.onConsumed(content);
    if (this.epoch !== epoch || state === "reading") return;
    if (state === "done") this.#end(user, body.trailers);
    else user.onBroken();
  }

  #end(user: UpstreamUser, trailers: Buffer): void {
    this.#phase = "over";
    user.onEnd(trailers);
  }
}

import { codedTrailers, judgeCoding } from "../../../core/http/content-coding.ts";
import type { ClientAddress } from "../../../core/http/forwarded.ts";
import type { Reply } from "../../../core/http/respond.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import type { Door } from "../context.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { BareConnection, ExchangeClient } from "../exchange/sides.ts";
import { HIGH_WATER_BYTES, type SocketOwner } from "../net/socket.ts";
import { guarded } from "../thread/faults.ts";
import type { Compression } from "./compression.ts";
import type { Encoder } from "./encoder.ts";

/** After so much of one body others get their turn: about a millisecond. */
const TURN_BYTES = 131_072;

/**
 * The client of an exchange, seen through compression: heads and bodies of answers go on to the real client in the
 * coding that it likes best. Everything that comes before it, such as a cache, has them as the backend sent them.
 */
export class CodedClient implements ExchangeClient {
  readonly #exchange: Exchange;
  readonly #compression: Compression;
  #client: ExchangeClient | null = null;
  #encoder: Encoder | null = null;
  /** The body is a stream whose pieces a reader may wait for. */
  #isStream = false;
  /** Taken in since others had their turn. */
  #turnBytes = 0;
  #turn: NodeJS.Immediate | null = null;

  constructor(exchange: Exchange, compression: Compression) {
    this.#exchange = exchange;
    this.#compression = compression;
  }

  /** Turns to the client of the next exchange. */
  serve(client: ExchangeClient): this {
    this.#client = client;
    return this;
  }

  get #inner(): ExchangeClient {
    if (this.#client === null) throw new Error("the exchange has no client");
    return this.#client;
  }

  get door(): Door {
    return this.#inner.door;
  }

  get peerAddress(): string {
    return this.#inner.peerAddress;
  }

  get identity(): ClientAddress {
    return this.#inner.identity;
  }

  get leaving(): boolean {
    return this.#inner.leaving;
  }

  get hasMore(): boolean {
    return this.#inner.hasMore;
  }

  get pendingBytes(): number {
    // A backend that is read on and on, as nothing waits for the client, would keep the thread from everybody else.
    return this.#inner.pendingBytes + (this.#turn === null ? 0 : HIGH_WATER_BYTES + 1);
  }

  arm(afterMs: number): void {
    this.#inner.arm(afterMs);
  }

  pauseBody(): void {
    this.#inner.pauseBody();
  }

  resumeBody(): void {
    this.#inner.resumeBody();
  }

  sayContinue(): void {
    this.#inner.sayContinue();
  }

  interim(response: ResponseHead): void {
    this.#inner.interim(response);
  }

  begin(response: ResponseHead): boolean {
    const { representation, head, facts } = this.#exchange;
    if (!facts.management) {
      judgeCoding(head, response, this.#compression.rules, representation);
      this.#open(response);
    }
    return this.#inner.begin(response);
  }

  body(bytes: Buffer, start: number, end: number): void {
    if (this.#encoder === null) {
      this.#inner.body(bytes, start, end);
      return;
    }
    this.#encoder.write(bytes, start, end);
    this.#turnBytes += end - start;
    if (this.#turnBytes >= TURN_BYTES) this.#turn ??= setImmediate(() => guarded(() => this.#takeTurn()));
  }

  endBody(trailers: Buffer): void {
    const encoder = this.#encoder;
    if (encoder === null) {
      this.#inner.endBody(trailers);
      return;
    }
    encoder.end();
    this.#close();
    this.#inner.endBody(codedTrailers(trailers));
  }

  flush(): void {
    // A body of known length is read as a whole: its coder may go on looking for what repeats.
    if (this.#isStream) this.#encoder?.flush();
    this.#inner.flush();
  }

  release(bytes: Buffer): void {
    this.#inner.release(bytes);
  }

  respond(reply: Reply, keepAlive: boolean): void {
    this.#close();
    this.#exchange.representation.coding = "";
    this.#inner.respond(reply, keepAlive);
  }

  ended(keepAlive: boolean): void {
    this.#leave().ended(keepAlive);
  }

  cut(stalled: boolean): void {
    this.#leave().cut(stalled);
  }

  switchProtocols(response: ResponseHead, owner: SocketOwner): BareConnection | null {
    return this.#inner.switchProtocols(response, owner);
  }

  #open(response: ResponseHead): void {
    const { representation } = this.#exchange;
    const { coding } = representation;
    if (coding === "" || response.framing === "none") return;
    const client = this.#inner;
    this.#isStream = response.framing !== "length";
    this.#encoder = this.#compression.open(coding, (bytes) => {
      this.#exchange.codedBytes += bytes.length;
      client.body(bytes, 0, bytes.length);
    });
    if (this.#encoder !== null) return;
    representation.coding = "";
    representation.etag = "";
  }

  /** Everybody else had a turn: more may come. */
  #takeTurn(): void {
    this.#endTurn();
    if (this.#inner.pendingBytes === 0) this.#exchange.onClientDrain();
  }

  #endTurn(): void {
    this.#turnBytes = 0;
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#turn = null;
  }

  #close(): void {
    this.#endTurn();
    if (this.#encoder === null) return;
    this.#compression.giveBack(this.#encoder);
    this.#encoder = null;
  }

  #leave(): ExchangeClient {
    const client = this.#inner;
    this.#close();
    this.#client = null;
    return client;
  }
}

import { codedTrailers, judgeCoding } from "../../../core/http/content-coding.ts";
import type { Reply } from "../../../core/http/respond.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import { ClientView } from "../exchange/client-view.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { ExchangeClient } from "../exchange/sides.ts";
import { HIGH_WATER_BYTES } from "../net/socket.ts";
import { guarded } from "../thread/faults.ts";
import type { Compression } from "./compression.ts";
import type { Encoder } from "./encoder.ts";

/** After so much of one body others get their turn: about a millisecond. */
const TURN_BYTES = 131_072;

/**
 * The client of an exchange, seen through compression: heads and bodies of answers go on to the real client in the
 * coding that it likes best. Everything that comes before it, such as a cache, has them as the backend sent them.
 */
export class CodedClient extends ClientView {
  readonly #exchange: Exchange;
  readonly #compression: Compression;
  #encoder: Encoder | null = null;
  /** The body is a stream whose pieces a reader may wait for. */
  #isStream = false;
  /** Taken in since others had their turn. */
  #turnBytes = 0;
  #turn: NodeJS.Immediate | null = null;

  constructor(exchange: Exchange, compression: Compression) {
    super();
    this.#exchange = exchange;
    this.#compression = compression;
  }

  override get pendingBytes(): number {
    // A backend that is read on and on, as nothing waits for the client, would keep the thread from everybody else.
    return this.inner.pendingBytes + (this.#turn === null ? 0 : HIGH_WATER_BYTES + 1);
  }

  override begin(response: ResponseHead): boolean {
    const { representation, head, facts } = this.#exchange;
    if (!facts.management) {
      judgeCoding(head, response, this.#compression.rules, representation);
      this.#open(response);
    }
    return this.inner.begin(response);
  }

  override body(bytes: Buffer, start: number, end: number): void {
    if (this.#encoder === null) {
      this.inner.body(bytes, start, end);
      return;
    }
    this.#encoder.write(bytes, start, end);
    this.#turnBytes += end - start;
    if (this.#turnBytes >= TURN_BYTES) this.#turn ??= setImmediate(() => guarded(() => this.#takeTurn()));
  }

  override endBody(trailers: Buffer): void {
    const encoder = this.#encoder;
    if (encoder === null) {
      this.inner.endBody(trailers);
      return;
    }
    encoder.end();
    this.#close();
    this.inner.endBody(codedTrailers(trailers));
  }

  override flush(): void {
    // A body of known length is read as a whole: its coder may go on looking for what repeats.
    if (this.#isStream) this.#encoder?.flush();
    this.inner.flush();
  }

  override respond(reply: Reply, keepAlive: boolean): void {
    this.#close();
    this.#exchange.representation.coding = "";
    this.inner.respond(reply, keepAlive);
  }

  #open(response: ResponseHead): void {
    const { representation } = this.#exchange;
    const { coding } = representation;
    if (coding === "" || response.framing === "none") return;
    const client = this.inner;
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
    if (this.inner.pendingBytes === 0) this.#exchange.onClientDrain();
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

  protected override leave(): ExchangeClient {
    this.#close();
    return super.leave();
  }
}

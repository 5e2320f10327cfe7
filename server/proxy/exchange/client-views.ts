import { CodedClient } from "../compression/coded-client.ts";
import type { Exchange } from "./exchange.ts";
import { MessageLog } from "./message-log.ts";
import type { ExchangeClient } from "./sides.ts";

/** What lies between an exchange and its client: what is told of messages, and the coding of answers, which is last. */
export class ClientViews {
  /** Null when messages are not logged in full. */
  readonly messages: MessageLog | null;
  readonly #coded: CodedClient | null;
  readonly #exchange: Exchange;

  /** Null when nothing lies between. */
  static of(exchange: Exchange): ClientViews | null {
    const { compression, options } = exchange.plane;
    return compression === null && options.messageLog === null ? null : new ClientViews(exchange);
  }

  private constructor(exchange: Exchange) {
    const { compression, options } = exchange.plane;
    this.#exchange = exchange;
    this.#coded = compression === null ? null : new CodedClient(exchange, compression);
    this.messages = options.messageLog === null ? null : new MessageLog(exchange, options.messageLog);
  }

  /** Puts them before the client of the next request. */
  over(client: ExchangeClient): ExchangeClient {
    const { representation } = this.#exchange;
    representation.coding = "";
    representation.etag = "";
    representation.varies = false;
    this.#exchange.codedBytes = 0;
    const coded = this.#coded === null ? client : this.#coded.serve(client);
    return this.messages === null ? coded : this.messages.serve(coded);
  }
}

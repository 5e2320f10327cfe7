import type { ClientAddress } from "../../../core/http/forwarded.ts";
import type { Reply } from "../../../core/http/respond.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import type { Door } from "../context.ts";
import type { SocketOwner } from "../net/socket.ts";
import type { BareConnection, ExchangeClient } from "./sides.ts";

/** The client of one exchange after the other, seen through something: passes everything on, but for what is overridden. */
export class ClientView implements ExchangeClient {
  #client: ExchangeClient | null = null;

  /** Turns to the client of the next exchange. */
  serve(client: ExchangeClient): this {
    this.#client = client;
    return this;
  }

  /** Who is behind the view. */
  protected get inner(): ExchangeClient {
    if (this.#client === null) throw new Error("the exchange has no client");
    return this.#client;
  }

  get door(): Door {
    return this.inner.door;
  }

  get peerAddress(): string {
    return this.inner.peerAddress;
  }

  get identity(): ClientAddress {
    return this.inner.identity;
  }

  get leaving(): boolean {
    return this.inner.leaving;
  }

  get hasMore(): boolean {
    return this.inner.hasMore;
  }

  get pendingBytes(): number {
    return this.inner.pendingBytes;
  }

  arm(afterMs: number): void {
    this.inner.arm(afterMs);
  }

  pauseBody(): void {
    this.inner.pauseBody();
  }

  resumeBody(): void {
    this.inner.resumeBody();
  }

  sayContinue(): void {
    this.inner.sayContinue();
  }

  interim(response: ResponseHead): void {
    this.inner.interim(response);
  }

  begin(response: ResponseHead): boolean {
    return this.inner.begin(response);
  }

  body(bytes: Buffer, start: number, end: number): void {
    this.inner.body(bytes, start, end);
  }

  endBody(trailers: Buffer): void {
    this.inner.endBody(trailers);
  }

  flush(): void {
    this.inner.flush();
  }

  release(bytes: Buffer): void {
    this.inner.release(bytes);
  }

  respond(reply: Reply, keepAlive: boolean): void {
    this.inner.respond(reply, keepAlive);
  }

  ended(keepAlive: boolean): void {
    this.leave().ended(keepAlive);
  }

  cut(stalled: boolean): void {
    this.leave().cut(stalled);
  }

  switchProtocols(response: ResponseHead, owner: SocketOwner): BareConnection | null {
    return this.inner.switchProtocols(response, owner);
  }

  /** The exchange is over: lets go of its client, and gives it for the last time. */
  protected leave(): ExchangeClient {
    const client = this.inner;
    this.#client = null;
    return client;
  }
}

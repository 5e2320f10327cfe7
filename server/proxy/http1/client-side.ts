import { writeResponseHead } from "../../../core/http/forward-response.ts";
import { type ClientAddress, clientAddress } from "../../../core/http/forwarded.ts";
import { buildResponse, CONTINUE, type Reply } from "../../../core/http/respond.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import type { Door, Plane } from "../context.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { bodyFraming, fillInterim, fillResponse } from "../exchange/forwarding.ts";
import type { BareConnection, ExchangeClient } from "../exchange/sides.ts";
import type { ByteSocket, SocketOwner } from "../net/socket.ts";
import { addBody, addEnd, type Framing, NO_TRAILERS } from "./message-body.ts";

/** The connection behind a {@link ClientSide}: it reads, and decides about its own end. */
export interface ClientSideHome {
  readonly leaving: boolean;
  readonly hasMore: boolean;
  arm(afterMs: number): void;
  pauseBody(): void;
  resumeBody(): void;
  ended(keepAlive: boolean): void;
  cut(reset: boolean): void;
  /** Leaves the socket to `owner` and gives it with what had arrived behind the last request. */
  handOver(owner: SocketOwner): BareConnection;
}

const NO_ADDRESSES: ClientAddress = { peer: "", ip: "", chain: "", trustedPeer: false };

/** The client of the exchanges of one HTTP/1.1 connection: writes their responses. */
export class ClientSide implements ExchangeClient {
  readonly door: Door;
  readonly #plane: Plane;
  readonly #home: ClientSideHome;
  readonly #socket: ByteSocket;
  #exchange: Exchange | null = null;
  #identity: ClientAddress = NO_ADDRESSES;
  /** How the client sees the end of the body. */
  #framing: Framing = "none";
  /** The response said that the connection stays open. */
  #keepsAlive = true;

  constructor(plane: Plane, door: Door, home: ClientSideHome, socket: ByteSocket) {
    this.door = door;
    this.#plane = plane;
    this.#home = home;
    this.#socket = socket;
  }

  /** Turns to the next exchange. */
  serve(exchange: Exchange): void {
    this.#exchange = exchange;
    exchange.begin(this);
  }

  get peerAddress(): string {
    return this.#socket.peerAddress;
  }

  get identity(): ClientAddress {
    if (this.#identity === NO_ADDRESSES) {
      const { trustedProxies } = this.#plane.options;
      this.#identity = clientAddress(this.#socket.peerAddress, null, null, trustedProxies);
    }
    return this.#identity;
  }

  get leaving(): boolean {
    return this.#home.leaving;
  }

  get hasMore(): boolean {
    return this.#home.hasMore;
  }

  get pendingBytes(): number {
    return this.#socket.pendingBytes;
  }

  arm(afterMs: number): void {
    this.#home.arm(afterMs);
  }

  pauseBody(): void {
    this.#home.pauseBody();
  }

  resumeBody(): void {
    this.#home.resumeBody();
  }

  sayContinue(): void {
    this.#socket.write(CONTINUE);
  }

  interim(response: ResponseHead): void {
    // HTTP/1.0 knows none (RFC 9110 section 15.2).
    if (this.#exchange?.head.minor !== 1) return;
    fillInterim(this.#exchange, false);
    this.#writeHead(response);
    this.flush();
  }

  begin(response: ResponseHead): boolean {
    const exchange = this.#exchange;
    if (exchange === null) return false;
    const { head, body } = exchange;
    const mayKeep = body.complete && head.keepAlive && !this.#home.leaving && !this.#plane.draining;
    this.#framing = clientFraming(bodyFraming(exchange, response), head.minor);
    this.#keepsAlive = mayKeep && this.#framing !== "close";
    fillResponse(exchange, response, this.#framing, this.#keepsAlive);
    return this.#writeHead(response);
  }

  body(bytes: Buffer, start: number, end: number): void {
    const { out } = this.#plane;
    out.to(this.#socket);
    addBody(out, this.#framing, bytes, start, end);
  }

  endBody(trailers: Buffer): void {
    const { out } = this.#plane;
    out.to(this.#socket);
    // Trailers go to those who asked for them (RFC 9110 section 6.5.1).
    addEnd(out, this.#framing, this.#exchange?.head.teTrailers === true ? trailers : NO_TRAILERS);
  }

  flush(): void {
    this.#plane.out.flush();
  }

  release(bytes: Buffer): void {
    this.#socket.release(bytes);
  }

  respond(reply: Reply, keepAlive: boolean): void {
    this.#keepsAlive = keepAlive;
    this.#framing = "length";
    this.#socket.write(buildResponse(reply, this.#exchange?.head.minor ?? 1, keepAlive));
  }

  ended(keepAlive: boolean): void {
    this.#exchange = null;
    this.#home.ended(keepAlive && this.#keepsAlive);
  }

  cut(stalled: boolean): void {
    this.#exchange = null;
    // Without framing only a reset tells the client that more was to come (RFC 9112 section 8).
    this.#home.cut(stalled || this.#framing === "close");
  }

  switchProtocols(response: ResponseHead, owner: SocketOwner): BareConnection | null {
    if (this.#exchange === null) return null;
    fillInterim(this.#exchange, true);
    this.#writeHead(response);
    this.flush();
    return this.#home.handOver(owner);
  }

  #writeHead(response: ResponseHead): boolean {
    const { out, respond } = this.#plane;
    out.to(this.#socket);
    const end = writeResponseHead(response, respond, out.bytes, out.length);
    if (end > 0) out.length = end;
    return end > 0;
  }
}

/** HTTP/1.0 knows no chunks: there a body of unknown length ends with the connection. */
function clientFraming(source: Framing, clientMinor: 0 | 1): Framing {
  if (source !== "chunked" && source !== "close") return source;
  return clientMinor === 1 ? "chunked" : "close";
}

import { writeResponseHead } from "../../../core/http/forward-response.ts";
import type { RequestHead } from "../../../core/http/request-head.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import { type ByteSocket, HIGH_WATER_BYTES, type SocketOwner } from "../net/socket.ts";
import { type TimerOwner, type TimerWheel, WheelTimer } from "../net/timer-wheel.ts";
import type { Upstream, UpstreamUser } from "../upstream/upstream.ts";
import type { Exchange } from "./exchange.ts";
import { fillInterim } from "./forwarding.ts";

/** RFC 6455 section 1.3. */
const WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Says why a 101 must not open a tunnel; empty when it may. `asked` is the protocol that we passed on. */
export function tunnelFault(head: RequestHead, asked: string, response: ResponseHead): string {
  if (asked === "") return "101 without a request for it";
  if (response.upgrade !== asked) return "101 to another protocol than was asked for";
  if (asked !== "websocket") return "";
  const key = head.get("sec-websocket-key") ?? "";
  const expected = new Bun.CryptoHasher("sha1").update(key + WEBSOCKET_GUID).digest("base64");
  return response.get("sec-websocket-accept") === expected
    ? ""
    : "101 without the right Sec-WebSocket-Accept";
}

/** Sends the 101 on and joins both connections; `early` are bytes of the backend behind its head. */
export function openTunnel(
  exchange: Exchange,
  response: ResponseHead,
  upstream: Upstream,
  early: Buffer,
): void {
  const { plane, client } = exchange;
  fillInterim(exchange, plane.respond, true);
  const length = writeResponseHead(response, plane.respond, plane.out.bytes, 0);
  if (length > 0) client.socket.writeScratch(plane.out.bytes, length);
  plane.count("tunnels_opened");
  exchange.responding = true;
  exchange.facts.answered(101, "");
  exchange.tunnel();
  const leftover = client.takeLeftover();
  const tunnel = new Tunnel(exchange, client.socket, upstream);
  upstream.handTo(tunnel);
  if (early.length > 0) tunnel.onUpstreamData(early);
  if (leftover !== null) tunnel.onData(leftover);
  if (client.leaving) tunnel.onEnd();
}

/** What is left of the client's connection: nothing, one that ends in order, or one that is to be reset. */
export type TunnelEnd = "gone" | "ended" | "cut";

/** Two connections joined byte for byte, each direction with its own end and its own back-pressure. */
class Tunnel implements SocketOwner, UpstreamUser, TimerOwner {
  readonly #exchange: Exchange;
  readonly #client: ByteSocket;
  readonly #upstream: Upstream;
  readonly #wheel: TimerWheel;
  readonly #idleMs: number;
  readonly #timer = new WheelTimer(this);
  #over = false;
  #bytesIn = 0;
  #bytesOut = 0;

  constructor(exchange: Exchange, client: ByteSocket, upstream: Upstream) {
    this.#exchange = exchange;
    this.#client = client;
    this.#upstream = upstream;
    this.#wheel = exchange.plane.wheel;
    this.#idleMs = exchange.plane.options.streamIdleMs;
    client.owner = this;
    client.resume();
    this.#touch();
  }

  onOpen(): void {
    // Both ends are open already.
  }

  onData(chunk: Buffer): void {
    this.#bytesIn += chunk.length;
    this.#upstream.socket.write(chunk);
    this.#upstream.socket.release(chunk);
    if (this.#upstream.socket.pendingBytes > HIGH_WATER_BYTES) this.#client.pause();
    this.#touch();
  }

  onEnd(): void {
    this.#upstream.socket.finish();
    this.#touch();
  }

  onDrain(): void {
    this.#upstream.socket.resume();
    this.#touch();
  }

  onClose(clean: boolean): void {
    if (this.#over) return;
    // What the backend has not taken yet still reaches it; a reset is passed on as one.
    if (clean) this.#upstream.leave(this.#idleMs);
    else this.#upstream.drop("abort");
    this.#end("gone");
  }

  onUpstreamOpen(): void {
    // It was open before it became a tunnel.
  }

  onUpstreamFailed(): void {
    // Only connecting can fail.
  }

  onUpstreamData(chunk: Buffer): void {
    this.#bytesOut += chunk.length;
    this.#client.write(chunk);
    this.#client.release(chunk);
    if (this.#client.pendingBytes > HIGH_WATER_BYTES) this.#upstream.socket.pause();
    this.#touch();
  }

  onUpstreamEnd(): void {
    this.#client.finish();
    this.#touch();
  }

  onUpstreamDrain(): void {
    this.#client.resume();
    this.#touch();
  }

  onUpstreamClose(clean: boolean): void {
    if (!this.#over) this.#end(clean ? "ended" : "cut");
  }

  onTimer(): void {
    if (this.#over) return;
    this.#upstream.drop("close");
    this.#end("ended");
  }

  #touch(): void {
    this.#wheel.arm(this.#timer, this.#idleMs);
  }

  #end(how: TunnelEnd): void {
    this.#over = true;
    this.#wheel.cancel(this.#timer);
    this.#exchange.tunnelEnded(this.#bytesIn, this.#bytesOut, how);
  }
}

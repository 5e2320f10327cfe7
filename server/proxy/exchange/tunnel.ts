import type { RequestHead } from "../../../core/http/request-head.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import { HIGH_WATER_BYTES, type SocketOwner } from "../net/socket.ts";
import { type TimerOwner, type TimerWheel, WheelTimer } from "../net/timer-wheel.ts";
import type { Exchange } from "./exchange.ts";
import type { BareConnection, Upstream } from "./sides.ts";

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

/** Sends the 101 on and joins both connections; false when the client's cannot be had for a tunnel. */
export function openTunnel(exchange: Exchange, response: ResponseHead, upstream: Upstream): boolean {
  const { client, plane } = exchange;
  const isLeaving = client.leaving;
  const tunnel = new Tunnel(exchange);
  const front = client.switchProtocols(response, tunnel.front);
  if (front === null) return false;
  plane.count("tunnels_opened");
  exchange.tunnel();
  tunnel.join(front, upstream.takeOver(tunnel.back), isLeaving);
  return true;
}

/** Two connections joined byte for byte, each direction with its own end and its own back-pressure. */
class Tunnel implements TimerOwner {
  readonly front = new End(this);
  readonly back = new End(this);
  readonly #exchange: Exchange;
  readonly #wheel: TimerWheel;
  readonly #idleMs: number;
  readonly #timer = new WheelTimer(this);
  #over = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#wheel = exchange.plane.wheel;
    this.#idleMs = exchange.plane.options.streamIdleMs;
  }

  /** Lets bytes flow, those first that came with the handshake. `isLeaving`: the client has said all. */
  join(front: BareConnection, back: BareConnection, isLeaving: boolean): void {
    this.front.attach(front, back);
    this.back.attach(back, front);
    this.touch();
    if (back.early.length > 0) this.back.onData(back.early);
    if (front.early.length > 0) this.front.onData(front.early);
    if (isLeaving) this.front.onEnd();
  }

  touch(): void {
    if (!this.#over) this.#wheel.arm(this.#timer, this.#idleMs);
  }

  /** The connection of one end is gone: the other ends as it did. */
  closed(end: End, clean: boolean): void {
    if (this.#over) return;
    const how = clean ? "ended" : "cut";
    if (end === this.front) this.#end("gone", how);
    else this.#end(how, "gone");
  }

  onTimer(): void {
    if (!this.#over) this.#end("ended", "ended");
  }

  #end(front: "gone" | "ended" | "cut", back: "gone" | "ended" | "cut"): void {
    this.#over = true;
    this.#wheel.cancel(this.#timer);
    this.back.detach(back);
    this.#exchange.tunnelEnded(this.front.received, this.back.received);
    this.front.detach(front);
  }
}

/** One connection of a tunnel, whose bytes go to the other. */
class End implements SocketOwner {
  /** Bytes that came from its peer. */
  received = 0;
  readonly #tunnel: Tunnel;
  #own: BareConnection | null = null;
  #other: BareConnection | null = null;

  constructor(tunnel: Tunnel) {
    this.#tunnel = tunnel;
  }

  attach(own: BareConnection, other: BareConnection): void {
    this.#own = own;
    this.#other = other;
  }

  detach(how: "gone" | "ended" | "cut"): void {
    const own = this.#own;
    this.#own = null;
    this.#other = null;
    own?.done(how);
  }

  onOpen(): void {
    // It was open before it became a tunnel.
  }

  onData(chunk: Buffer): void {
    const to = this.#other?.socket;
    if (to === undefined) return;
    this.received += chunk.length;
    to.write(chunk);
    to.release(chunk);
    if (to.pendingBytes > HIGH_WATER_BYTES) this.#own?.socket.pause();
    this.#tunnel.touch();
  }

  onEnd(): void {
    this.#other?.socket.finish();
    this.#tunnel.touch();
  }

  onDrain(): void {
    this.#other?.socket.resume();
    this.#tunnel.touch();
  }

  onClose(clean: boolean): void {
    this.#tunnel.closed(this, clean);
  }
}

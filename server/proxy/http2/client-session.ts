import { type ClientAddress, clientAddress } from "../../../core/http/forwarded.ts";
import type { FieldBlock } from "../../../core/http2/field-block.ts";
import { fillRequest } from "../../../core/http2/message-fields.ts";
import { Session } from "../../../core/http2/session.ts";
import type { SessionOwner } from "../../../core/http2/session-owner.ts";
import type { Stream } from "../../../core/http2/stream.ts";
import type { ClientHome, Door, OpenConnection } from "../context.ts";
import type { ByteSocket, SocketOwner } from "../net/socket.ts";
import { type TimerOwner, WheelTimer } from "../net/timer-wheel.ts";
import { CLIENT_GLITCHES, WINDOWS } from "./bounds.ts";
import { ClientStream } from "./client-stream.ts";
import { SocketOutput } from "./frame-output.ts";

/** After the last frame a client has this long to close. */
const LINGER_MS = 2000;

/** The HTTP/2 connection of one client: each of its streams is one exchange. */
export class ClientSession implements OpenConnection, SocketOwner, SessionOwner, TimerOwner {
  readonly door: Door;
  readonly home: ClientHome;
  readonly session: Session;
  readonly #socket: ByteSocket;
  readonly #timer = new WheelTimer(this);
  #identity: ClientAddress | null = null;
  #state: "open" | "closing" | "closed" = "open";

  constructor(home: ClientHome, door: Door, makeSocket: (owner: SocketOwner) => ByteSocket) {
    const { plane } = home;
    this.home = home;
    this.door = door;
    this.#socket = makeSocket(this);
    this.session = new Session(new SocketOutput(plane.out, this.#socket), this, {
      isServer: true,
      head: plane.options.head,
      maxStreams: plane.options.http2MaxStreams,
      window: WINDOWS,
      glitches: CLIENT_GLITCHES,
      now: () => performance.now(),
    });
    home.opened(this);
    this.#arm(plane.options.headTimeoutMs);
    this.session.start();
    if (plane.draining) this.session.goAway();
  }

  get peerAddress(): string {
    return this.#socket.peerAddress;
  }

  /** Address of the peer, which all of its requests share until headers say more. */
  get identity(): ClientAddress {
    const { trustedProxies } = this.home.plane.options;
    this.#identity ??= clientAddress(this.#socket.peerAddress, null, null, trustedProxies);
    return this.#identity;
  }

  get isBusy(): boolean {
    return this.#state !== "closed" && (this.session.openStreams > 0 || this.#socket.pendingBytes > 0);
  }

  shut(force: boolean): number {
    const running = this.session.openStreams;
    if (!force) this.session.goAway();
    else if (this.#state !== "closed") this.#socket.abort();
    return force ? running : 0;
  }

  readHead(stream: Stream, block: FieldBlock, endsStream: boolean): string {
    const { home } = this;
    const exchange = home.take();
    const fault = fillRequest(block, endsStream, home.plane.options.head, exchange.head);
    if (fault !== "") {
      home.giveBack(exchange);
      return fault;
    }
    home.plane.wheel.cancel(this.#timer);
    stream.hasHead = true;
    stream.expectedBytes = exchange.head.contentLength;
    stream.events = new ClientStream(this, stream, exchange);
    return "";
  }

  onMalformed(reason: string): void {
    const { plane } = this.home;
    plane.count("http2_faults");
    plane.log.warn("a client broke the rules of HTTP/2", { client: this.identity.ip, reason });
  }

  onChange(): void {
    if (this.session.openStreams === 0 && this.#state === "open")
      this.#arm(this.home.plane.options.idleTimeoutMs);
  }

  onPong(): void {}

  onOver(code: number, reason: string): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    if (code !== 0) this.onMalformed(reason);
    this.#socket.resume();
    this.#socket.finish();
    this.#arm(LINGER_MS);
  }

  onOpen(): void {
    // Accepted connections are open from the start.
  }

  onData(chunk: Buffer): void {
    if (this.#state === "open") this.session.receive(chunk);
  }

  onEnd(): void {
    // A client that will not say anything more cannot give window to what we would say.
    this.session.end();
    this.onOver(0, "");
  }

  onDrain(): void {
    if (this.#state === "open") this.session.drained();
  }

  onClose(): void {
    if (this.#state === "closed") return;
    this.session.end();
    this.#state = "closed";
    this.home.plane.wheel.cancel(this.#timer);
    this.home.closed(this);
  }

  onTimer(): void {
    if (this.#state !== "open") this.#socket.abort();
    else if (this.session.openStreams === 0) this.#endIdle();
  }

  /** An idle client is told to go; one that does not even answer that is cut off at the next turn of the timer. */
  #endIdle(): void {
    const isFirst = this.session.isUsable;
    this.session.goAway();
    if (isFirst) this.#arm(LINGER_MS);
    else this.#socket.abort();
  }

  #arm(afterMs: number): void {
    this.home.plane.wheel.arm(this.#timer, afterMs);
  }
}

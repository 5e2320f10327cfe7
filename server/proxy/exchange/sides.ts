/** The two sides of an exchange, as messages: what carries them, HTTP/1.1 or HTTP/2, is behind these interfaces. */
import type { ForwardContext } from "../../../core/http/forward-request.ts";
import type { ClientAddress } from "../../../core/http/forwarded.ts";
import type { RequestHead } from "../../../core/http/request-head.ts";
import type { Reply } from "../../../core/http/respond.ts";
import type { ResponseHead } from "../../../core/http/response-head.ts";
import type { ProxyErrorCode } from "../../../core/wire/proxy-error.ts";
import type { Door } from "../context.ts";
import type { ByteSocket, SocketOwner } from "../net/socket.ts";

/** Where the body of one message goes. What was written is sent at the next {@link flush}, or earlier. */
export interface BodySink {
  /** Bytes that have been flushed and still wait for a slow peer. */
  readonly pendingBytes: number;
  /** Writes bytes[start, end), keeping a reference to those that must wait. */
  body(bytes: Buffer, start: number, end: number): void;
  /** Ends the body. Trailers are field lines, each with its CRLF; often none. */
  endBody(trailers: Buffer): void;
  flush(): void;
  /** Frees bytes that nobody needs any more, once none of them wait. */
  release(bytes: Buffer): void;
}

/** The client's side: a connection, or a stream of one. Everything of the response goes through it. */
export interface ExchangeClient extends BodySink {
  readonly door: Door;
  readonly peerAddress: string;
  /** Canonical address of the peer and what it makes of it, without forwarded headers. */
  readonly identity: ClientAddress;
  /** The client has sent FIN: there will be no further request. */
  readonly leaving: boolean;
  /** Bytes behind the request's head have arrived already. */
  readonly hasMore: boolean;
  /** Sets the one deadline of the exchange; a later call replaces it. */
  arm(afterMs: number): void;
  /** Stops and starts taking more of the request body. */
  pauseBody(): void;
  resumeBody(): void;
  /** Sends an interim response of our own, 100. */
  sayContinue(): void;
  /** Sends an interim response of the backend. */
  interim(response: ResponseHead): void;
  /** Writes the head of a response, whose body follows; false when it is larger than any that may be sent. */
  begin(response: ResponseHead): boolean;
  /** Sends an answer of our own, whole. The request's body may still be coming if `keepAlive`. */
  respond(reply: Reply, keepAlive: boolean): void;
  /** Called once, last. With `keepAlive` the next request may come, else the stream ends after what was written. */
  ended(keepAlive: boolean): void;
  /** Called once instead: what was sent is not whole, and must not look so. `stalled`: it does not even take what there is. */
  cut(stalled: boolean): void;
  /** Sends a 101 and hands the bare connection to `owner`; null where connections cannot be handed out. */
  switchProtocols(response: ResponseHead, owner: SocketOwner): BareConnection | null;
}

/** A connection without messages: what a tunnel is made of. */
export interface BareConnection {
  readonly socket: ByteSocket;
  /** What had arrived behind the last message; empty if nothing. */
  readonly early: Buffer;
  /** Called once, last: the connection is closed already, ends in order, or is to be reset. */
  done(how: "gone" | "ended" | "cut"): void;
}

/** The backend's side: one request on a connection to a backend or to the control plane. */
export interface Upstream extends BodySink {
  /** The connection is there: a request can be sent. */
  readonly isOpen: boolean;
  /** It served a request before: a failure before the first byte may be no more than a stale connection. */
  readonly isReused: boolean;
  /** Writes the request's head, whose body follows; false when it is larger than any that may be sent. */
  send(head: RequestHead, context: ForwardContext): boolean;
  /** Stops and starts taking more of the response. */
  pause(): void;
  resume(): void;
  /** Gives the connection back after a whole response; `whole` when the request was sent to its end as well. */
  done(whole: boolean): void;
  /** Lets go of it before that. `abort` resets what is half sent, so that it cannot look complete. */
  drop(how: "close" | "abort"): void;
  /** After a 101: hands the bare connection to `owner`, who hears nothing as an {@link UpstreamUser} any more. */
  takeOver(owner: SocketOwner): BareConnection;
}

/** What became of a request that got no answer. */
export interface Loss {
  /** The backend has begun to answer. */
  readonly answered: boolean;
  /** The backend says that it has not looked at the request (RFC 9113 section 8.7). */
  readonly unprocessed: boolean;
  /** For the log. */
  readonly reason: string;
}

/** Who has sent a request on an {@link Upstream}. After `done` and `drop` nothing is called any more. */
export interface UpstreamUser {
  onUpstreamOpen(): void;
  /** Called instead when no connection came about; nothing was sent. The reason is for the log. */
  onUpstreamFailed(reason: string): void;
  /** Called for each 1xx but 101. */
  onInterim(response: ResponseHead): void;
  /** Called with the final head; it is valid as long as the upstream is held. */
  onHead(response: ResponseHead): void;
  /** Called with a piece of the body. `isLast`: it is known to be the last one, which `onEnd` confirms. */
  onBody(bytes: Buffer, start: number, end: number, isLast: boolean): void;
  /** Called when the response is whole. */
  onEnd(trailers: Buffer): void;
  /** Called after what one event brought: time to flush. */
  onTurn(): void;
  /** Called when nothing needs `chunk`, all of which was body, but who still has to send it. */
  onConsumed(chunk: Buffer): void;
  /** Called when the exchange with the backend ended before the head of the answer was complete. */
  onLost(loss: Loss): void;
  /** Called when the answer is no valid one, before any of it was passed on. */
  onFault(fault: string): void;
  /** Called when the body cannot be completed. */
  onBroken(): void;
  /** Called when the backend has taken all that waited for it. */
  onUpstreamDrain(): void;
}

/** The cache's part in one exchange. */
export interface CacheSide {
  /** Called with the final head of a backend; true when the cache answers instead, once the response is out of the way. */
  takes(response: ResponseHead): boolean;
  /** Called with each piece of a body that goes to the client, and with its end. */
  onBody(bytes: Buffer, start: number, end: number): void;
  onEnd(trailers: Buffer): void;
  /** Called after {@link takes}: answers. */
  answer(): void;
  /** Called before an error is answered; true when the cache has answered instead. */
  replaces(code: ProxyErrorCode): boolean;
  /** Called while the cache holds the exchange: the client takes more, or the wait at hand is over. */
  onClientDrain(): void;
  onTimeout(): void;
  /** Called once, last. */
  ended(): void;
}

/** The connections of one worker to one origin. */
export interface UpstreamPool {
  /**
   * Gives a connection, perhaps one that is still to open; with `fresh` never one that was used before. Null when there
   * are as many as there may be, none of them free here.
   */
  open(user: UpstreamUser, fresh: boolean): Upstream | null;
  /** Closes what is idle. */
  closeIdle(): void;
  /** Closes what is idle and keeps nothing from now on. */
  retire(): void;
}

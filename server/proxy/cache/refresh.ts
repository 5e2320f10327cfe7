import type { Entry } from "../../../core/cache/store.ts";
import { TAKEN } from "../../../core/http/field-names.ts";
import type { ClientAddress } from "../../../core/http/forwarded.ts";
import { parseRequestHead, type RequestHead } from "../../../core/http/request-head.ts";
import type { Door } from "../context.ts";
import { Exchange } from "../exchange/exchange.ts";
import { locate, setSticky, setStrategy } from "../exchange/session.ts";
import type { BareConnection, ExchangeClient } from "../exchange/sides.ts";
import { identify } from "../guards/identify.ts";
import { type TimerOwner, WheelTimer } from "../net/timer-wheel.ts";
import type { ResponseCache } from "./cache.ts";
import { type CacheRequest, cacheRequest } from "./request.ts";
import { CacheUse } from "./use.ts";

/** In one worker at a time; more keep being answered stale and try again with the next request. */
const MAX_REFRESHES = 64;
/** Of the client alone: they would ask for less than the whole, or for what it may not be. */
const LEFT_AWAY: ReadonlySet<string> = new Set([
  "range",
  "if-range",
  "if-none-match",
  "if-modified-since",
  "cache-control",
  "pragma",
]);

/** Stored responses that are asked for again while clients are given the old ones (RFC 5861 section 3). */
export class Refreshes {
  #running = 0;

  /** Asks for what a request has been answered with; not when that is being done, or too much is. */
  start(cache: ResponseCache, exchange: Exchange, entry: Entry, request: CacheRequest): void {
    if (this.#running >= MAX_REFRESHES) return;
    const flight = cache.flights.refresh(request.key);
    if (flight === null) return;
    const background = new Exchange(exchange.plane, false);
    if (!readHead(exchange.head, background)) {
      cache.flights.land(flight, false);
      return;
    }
    this.#running++;
    background.begin(new NoClient(exchange, background, () => this.#running--));
    background.facts.isBackground = true;
    identify(background);
    const { query, facts } = background;
    query.kind = "request";
    query.tier = exchange.query.tier;
    // A session by cookie was found before its cookie was taken away.
    query.preferredRow = exchange.query.preferredRow;
    query.preferredGeneration = exchange.query.preferredGeneration;
    setSticky(background, facts.clientIp);
    setStrategy(background, background.head.path, facts.clientIp);
    locate(background, null, facts.clientIp);
    const own = cacheRequest(background, cache.options);
    if (own === null) {
      cache.flights.land(flight, false);
      background.abandon();
      return;
    }
    const use = new CacheUse(cache, background, own);
    background.cache = use;
    use.startRefresh(entry, flight);
  }
}

/** Gives an exchange of its own the head of a request that will be over first. */
function readHead(head: RequestHead, background: Exchange): boolean {
  let text = `GET ${head.target} HTTP/1.1\r\n`;
  if (head.isHttp2) text += `Host: ${head.host}\r\n`;
  for (let index = 0; index < head.count; index++) {
    const name = head.name(index);
    if (head.kinds[index] !== TAKEN && !LEFT_AWAY.has(name.toLowerCase()))
      text += `${name}: ${head.value(index)}\r\n`;
  }
  const bytes = Buffer.from(`${text}\r\n`, "latin1");
  const limits = { maxHeadBytes: bytes.length + 1, maxTargetBytes: bytes.length, maxHeaders: head.count + 8 };
  return parseRequestHead(bytes, 0, bytes.length, limits, background.head) === bytes.length;
}

/** Stands where a client would: takes everything, and nothing goes anywhere. */
class NoClient implements ExchangeClient, TimerOwner {
  readonly door: Door;
  readonly peerAddress: string;
  readonly identity: ClientAddress;
  readonly leaving = false;
  readonly hasMore = false;
  readonly pendingBytes = 0;
  readonly #exchange: Exchange;
  readonly #timer = new WheelTimer(this);
  readonly #onEnd: () => void;

  constructor({ client }: Exchange, background: Exchange, onEnd: () => void) {
    this.door = client.door;
    this.peerAddress = client.peerAddress;
    this.identity = client.identity;
    this.#exchange = background;
    this.#onEnd = onEnd;
  }

  arm(afterMs: number): void {
    this.#exchange.plane.wheel.arm(this.#timer, afterMs);
  }

  onTimer(): void {
    this.#exchange.onTimeout();
  }

  begin(): boolean {
    return true;
  }

  ended(): void {
    this.#exchange.plane.wheel.cancel(this.#timer);
    this.#onEnd();
  }

  cut(): void {
    this.ended();
  }

  switchProtocols(): BareConnection | null {
    return null;
  }

  pauseBody(): void {
    // There is no body of a request.
  }

  resumeBody(): void {
    // As above.
  }

  sayContinue(): void {
    // Nobody waits.
  }

  interim(): void {
    // As above.
  }

  body(): void {
    // What is stored was taken before.
  }

  endBody(): void {
    // As above.
  }

  flush(): void {
    // As above.
  }

  release(): void {
    // The collector's.
  }

  respond(): void {
    // An error: the next request tries again.
  }
}

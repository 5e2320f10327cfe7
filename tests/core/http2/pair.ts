import type { ForwardContext } from "../../../core/http/forward-request.ts";
import { parseRequestHead, RequestHead } from "../../../core/http/request-head.ts";
import { ResponseHead } from "../../../core/http/response-head.ts";
import { fillRequest, fillResponse } from "../../../core/http2/message-fields.ts";
import { Session } from "../../../core/http2/session.ts";
import type { SessionOptions, SessionOwner } from "../../../core/http2/session-owner.ts";
import type { Stream, StreamEvents } from "../../../core/http2/stream.ts";

export const LIMITS = { maxHeadBytes: 16_384, maxTargetBytes: 8192, maxHeaders: 100 };

export const OPTIONS: SessionOptions = {
  isServer: true,
  head: LIMITS,
  maxStreams: 100,
  window: { stream: 65_536, connection: 262_144 },
  glitches: { burst: 100, perSecond: 10 },
  now: () => 0,
};

/** What one side has heard of a stream. */
export interface Heard {
  readonly events: string[];
  body: Buffer;
  trailers: string;
  stream: Stream | null;
}

export interface Side {
  readonly session: Session;
  /** Octets that it wants to send. */
  readonly out: Buffer[];
  readonly streams: Map<number, Heard>;
  readonly heads: Map<number, RequestHead | ResponseHead>;
  readonly malformed: string[];
  over: { code: number; reason: string } | null;
  pongs: number;
}

export function newHeard(): Heard {
  return { events: [], body: Buffer.alloc(0), trailers: "", stream: null };
}

export function listen(heard: Heard, ended: (heard: Heard) => void = () => {}): StreamEvents {
  return {
    onHead: (endsStream) => void heard.events.push(endsStream ? "head, end" : "head"),
    onData: (bytes, start, end) => {
      heard.body = Buffer.concat([heard.body, bytes.subarray(start, end)]);
    },
    onEnd: (trailers) => {
      heard.events.push("end");
      heard.trailers = trailers.toString("latin1");
      ended(heard);
    },
    onReset: (code, neverProcessed) =>
      void heard.events.push(`reset ${code}${neverProcessed ? " unprocessed" : ""}`),
    onDrain: () => void heard.events.push("drain"),
    onTurn: () => {},
  };
}

/** Makes one side over a queue of octets; a server keeps heads and streams for the test. */
export function makeSide(options: Partial<SessionOptions> = {}, ended?: (heard: Heard) => void): Side {
  const all = { ...OPTIONS, ...options };
  const out: Buffer[] = [];
  const output = {
    get pendingBytes() {
      return 0;
    },
    add: (bytes: Buffer, start: number, end: number) =>
      void out.push(Buffer.from(bytes.subarray(start, end))),
    flush: () => {},
  };
  const owner: SessionOwner = {
    readHead(stream, block, endsStream) {
      return all.isServer ? readRequest(stream, block, endsStream) : readResponse(stream, block, endsStream);
    },
    onMalformed: (reason) => void side.malformed.push(reason),
    onChange: () => {},
    onPong: () => {
      side.pongs++;
    },
    onOver: (code, reason) => {
      side.over = { code, reason };
    },
  };
  const readRequest: SessionOwner["readHead"] = (stream, block, endsStream) => {
    const head = new RequestHead();
    const fault = fillRequest(block, endsStream, all.head, head);
    const heard = newHeard();
    heard.stream = stream;
    side.heads.set(stream.id, head);
    side.streams.set(stream.id, heard);
    stream.events = listen(heard, ended);
    stream.hasHead = true;
    stream.expectedBytes = head.contentLength;
    return fault;
  };
  const readResponse: SessionOwner["readHead"] = (stream, block, endsStream) => {
    const head = new ResponseHead();
    const fault = fillResponse(block, endsStream, "GET", head);
    side.heads.set(stream.id, head);
    stream.hasHead = !head.informational;
    stream.expectedBytes = head.contentLength;
    return fault;
  };
  const session = new Session(output, owner, all);
  const side: Side = {
    session,
    out,
    streams: new Map(),
    heads: new Map(),
    malformed: [],
    over: null,
    pongs: 0,
  };
  session.start();
  return side;
}

/** Carries octets between two sides until both are silent; `cut` says how long the pieces are. */
export function exchange(one: Side, other: Side, cut: (available: number) => number = (all) => all): void {
  for (let round = 0; round < 10_000; round++) {
    if (one.out.length === 0 && other.out.length === 0) return;
    carry(one, other, cut);
    carry(other, one, cut);
  }
  throw new Error("the two sides never fall silent");
}

function carry(from: Side, to: Side, cut: (available: number) => number): void {
  const bytes = Buffer.concat(from.out.splice(0));
  for (let at = 0; at < bytes.length; ) {
    const size = Math.max(1, Math.min(bytes.length - at, cut(bytes.length - at)));
    to.session.receive(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
}

const CONTEXT: ForwardContext = {
  authority: "backend.test",
  basePath: "",
  preserveHost: false,
  clientIp: "192.0.2.1",
  forwardedFor: "192.0.2.1",
  proto: "https",
  forwardedHost: "front.test",
  forwarded: "",
  clientSubject: "",
  passesCertificates: false,
  close: false,
  requestId: "",
  viaName: "proxy",
  lbClientId: "",
  lbHostname: "",
  dropHeader: "",
  upgrade: "",
  forwardExpect: true,
  extra: [],
};

/** Opens a stream and sends a request, given as HTTP/1.1 says it, without a body unless told. */
export function request(client: Side, lines: string, hasBody = false, ended?: (heard: Heard) => void): Heard {
  const head = new RequestHead();
  const bytes = Buffer.from(`${lines}\r\nHost: front.test\r\n\r\n`, "latin1");
  if (parseRequestHead(bytes, 0, bytes.length, LIMITS, head) <= 0) throw new Error(`no request: ${lines}`);
  const heard = newHeard();
  const stream = client.session.open(listen(heard, ended));
  if (stream === null) throw new Error("no stream could be opened");
  heard.stream = stream;
  client.streams.set(stream.id, heard);
  client.session.encoder.request(head, CONTEXT, "http");
  stream.sendHead(client.session.encoder, !hasBody);
  return heard;
}

/** Sends a response head with that status. */
export function respond(server: Side, stream: Stream, status: number, endsStream: boolean): void {
  server.session.encoder.interim(status);
  stream.sendHead(server.session.encoder, endsStream);
}

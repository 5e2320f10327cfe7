/** What tells that HTTP/2 is spoken at the other end: it says what it is, and answers a ping (RFC 9113 section 6.7). */
import { Session } from "../../../core/http2/session.ts";

const LIMITS = { maxHeadBytes: 16_384, maxTargetBytes: 0, maxHeaders: 64 };
const WINDOW = { stream: 65_535, connection: 65_535 };
const GLITCHES = { burst: 100, perSecond: 10 };

/**
 * One conversation. A request would prove more of an HTTP server, but of a gRPC server nothing: it has no path that it
 * would have to answer.
 */
export class Http2Probe {
  readonly #session: Session;

  /** `onOutcome` is called with null when the other end is alive, else with what was wrong. */
  constructor(write: (bytes: Buffer) => void, onOutcome: (reason: string | null) => void) {
    this.#session = new Session(
      {
        pendingBytes: 0,
        add: (bytes, start, end) => write(Buffer.from(bytes.subarray(start, end))),
        flush: () => {},
      },
      {
        readHead: () => "nothing was asked",
        onMalformed: () => {},
        onChange: () => {},
        onPong: () => onOutcome(null),
        onOver: (_code, reason) =>
          onOutcome(reason === "" ? "refuses requests (GOAWAY)" : `speaks no HTTP/2: ${reason}`),
      },
      {
        isServer: false,
        head: LIMITS,
        maxStreams: 0,
        window: WINDOW,
        glitches: GLITCHES,
        now: () => performance.now(),
      },
    );
  }

  start(): void {
    this.#session.start();
    this.#session.ping();
  }

  push(bytes: Uint8Array): void {
    this.#session.receive(Buffer.from(bytes));
  }
}

/** An answer of our own. */
export interface Reply {
  readonly status: number;
  /** Without framing, Connection and Date, which are added. */
  readonly headers: readonly (readonly [string, string])[];
  /** Text is sent as UTF-8. */
  readonly body: string | Uint8Array;
  /** Value of Date, of HttpDate. */
  readonly date: string;
  /** For HEAD: Content-Length without the body. */
  readonly omitBody?: boolean;
}

/** Makes the bytes of a complete answer. */
export function buildResponse(_reply: Reply, _minor: 0 | 1, _keepAlive: boolean): Buffer {
  throw new Error("pending");
}

/** `HTTP/1.1 100 Continue` and its empty line. */
export const CONTINUE: Buffer = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n", "latin1");

/** Gives the usual phrase of a status code; "Unknown" for codes without one. */
export function reasonPhrase(_status: number): string {
  throw new Error("pending");
}

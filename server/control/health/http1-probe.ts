import type { Origin } from "../../../core/plane/snapshot.ts";

/** Heads longer than this are no answer to a probe. */
const MAX_HEAD_BYTES = 16 * 1024;

/** A GET whose answer must be 2xx or 3xx. Redirects are not followed, the body is not read. */
export class Http1Probe {
  readonly #origin: Origin;
  readonly #path: string;
  readonly #write: (bytes: Buffer) => void;
  readonly #onOutcome: (reason: string | null) => void;
  #text = "";

  /** `path` follows the origin's base path. `onOutcome` is called with null for such an answer, else with what was wrong. */
  constructor(
    origin: Origin,
    path: string,
    write: (bytes: Buffer) => void,
    onOutcome: (reason: string | null) => void,
  ) {
    this.#origin = origin;
    this.#path = path;
    this.#write = write;
    this.#onOutcome = onOutcome;
  }

  start(): void {
    const { basePath, authority } = this.#origin;
    const target = basePath + (this.#path.startsWith("/") ? this.#path : `/${this.#path}`);
    const fields = `Host: ${authority}\r\nUser-Agent: opsen-health\r\nAccept: */*\r\nConnection: close\r\n`;
    this.#write(Buffer.from(`GET ${target} HTTP/1.1\r\n${fields}\r\n`, "latin1"));
  }

  push(bytes: Buffer): void {
    this.#text += bytes.toString("latin1");
    const status = this.#status();
    if (status === null) return;
    if (status >= 200 && status < 400) this.#onOutcome(null);
    else
      this.#onOutcome(
        status === 0 ? "answered something that is not HTTP/1.1" : `answered with status ${status}`,
      );
  }

  /** The status of the final head, past interim ones (RFC 9110 section 15.2); 0 for what is not HTTP; null for more bytes. */
  #status(): number | null {
    for (;;) {
      const lineEnd = this.#text.indexOf("\n");
      if (lineEnd === -1) return this.#text.length > MAX_HEAD_BYTES ? 0 : null;
      const status = /^HTTP\/1\.[01] (\d{3})(?: |\r?$)/.exec(this.#text.slice(0, lineEnd))?.[1];
      if (status === undefined) return 0;
      if (!status.startsWith("1") || status === "101") return Number(status);
      const headEnd = this.#text.indexOf("\r\n\r\n");
      if (headEnd === -1) return this.#text.length > MAX_HEAD_BYTES ? 0 : null;
      this.#text = this.#text.slice(headEnd + 4);
    }
  }
}

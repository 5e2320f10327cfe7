/** Gives memory back in quiet times: what a start or a burst needed would else stay with the process. */
import { openCodePageReleaser } from "./code-pages.ts";

/** First trim after the start, when the code that only runs once is of no use any more. */
const FIRST_MS = 4_000;
const EVERY_MS = 20_000;
/** With more requests than this since the last look (50 a second), compiled code and mapped pages are in use. */
const BUSY_REQUESTS = 1_000;

/** Looks from time to time whether the server is quiet, and then drops garbage, compiled code and code pages. */
export class MemoryTrim {
  readonly #requests: () => number;
  #timer: ReturnType<typeof setTimeout>;
  #lastRequests = 0;
  /** Opened at the first quiet time: a server that never has one needs no foreign functions. */
  #releaseCodePages: (() => unknown) | null = null;

  /** `requests` gives how many requests the data plane has had so far. */
  constructor(requests: () => number) {
    this.#requests = requests;
    this.#timer = setTimeout(() => this.#look(), FIRST_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    const requests = this.#requests();
    if (requests - this.#lastRequests < BUSY_REQUESTS) {
      Bun.shrink();
      this.#releaseCodePages ??= openCodePageReleaser() ?? nothing;
      this.#releaseCodePages();
    }
    this.#lastRequests = requests;
    this.#timer = setTimeout(() => this.#look(), EVERY_MS);
  }
}

function nothing(): void {}

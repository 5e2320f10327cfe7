import { parseResponseHead, ResponseHead } from "../../../core/http/response-head.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { passInterim } from "../exchange/forwarding.ts";
import { ByteStash } from "../net/byte-stash.ts";

/** A backend that answers 1xx for ever must not hold a request for ever. */
const MAX_INTERIM = 32;

/** Reads the heads of one response: passes interim ones on and stops at the final one. */
export class ResponseReader {
  readonly head = new ResponseHead();
  /** What is wrong after "fault", for the log. */
  fault = "";
  readonly #stash = new ByteStash();
  #interim = 0;

  reset(): void {
    this.head.reset();
    this.#stash.clear();
    this.#interim = 0;
  }

  /** Reads on. After "final", {@link rest} is what came behind the head. */
  read(exchange: Exchange, chunk: Buffer): "more" | "final" | "fault" {
    const stash = this.#stash;
    const { head } = this;
    const limits = exchange.plane.options.head;
    stash.append(chunk);
    while (stash.length > 0) {
      const used = parseResponseHead(stash.bytes, stash.start, stash.end, limits, exchange.head.method, head);
      if (used === 0) return "more";
      if (used < 0) return this.#fail(head.fault);
      stash.start += used;
      if (!head.informational) return "final";
      if (++this.#interim > MAX_INTERIM) {
        return this.#fail("more interim responses than a request may have");
      }
      passInterim(exchange, head);
    }
    return "more";
  }

  /** The bytes behind the final head: `bytes[start, end)`. */
  get rest(): Readonly<Pick<ByteStash, "bytes" | "start" | "end">> {
    return this.#stash;
  }

  #fail(fault: string): "fault" {
    this.fault = fault;
    return "fault";
  }
}

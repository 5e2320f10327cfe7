import { ageAt } from "../../../core/cache/reuse.ts";
import { Entry } from "../../../core/cache/store.ts";
import { guarded } from "../thread/faults.ts";

/** Bodies from this size on are one piece of memory for all workers; smaller ones are cheaper to copy. */
const SHARED_BYTES = 16_384;
/** A worker tells of so many responses at once, and of as many a second in the long run: telling costs every other worker. */
const BURST = 256;
const PER_SECOND = 256;
const SECOND_MS = 1000;

/** What travels: an entry whose age is that of now, as each thread counts from another moment. */
type Told = Omit<ConstructorParameters<typeof Entry>[0], "body"> & {
  readonly purges: number;
  readonly body: SharedArrayBuffer | Uint8Array;
};

/** Makes memory for a body that other workers may be told of. */
export function bodyMemory(bytes: number, isShared: boolean): Buffer {
  if (!isShared || bytes < SHARED_BYTES) return Buffer.allocUnsafeSlow(bytes);
  return Buffer.from(new SharedArrayBuffer(bytes));
}

/**
 * Tells the other workers what this one has stored, so that a response is fetched once for all of them. Nothing depends
 * on it: what a worker was not told it fetches, and what has been invalidated or purged meanwhile it does not take.
 */
export class Sharing {
  readonly #channel: BroadcastChannel;
  #tokens = BURST;
  #atMs = 0;

  /** `take` is called with what another worker tells, and the number of purges when that was fetched. */
  constructor(name: string, take: (entry: Entry, purges: number) => void) {
    this.#channel = new BroadcastChannel(name);
    this.#channel.addEventListener("message", (event) => {
      const message = toldIn(event);
      if (message !== null) guarded(() => take(received(message, performance.now()), message.purges));
    });
  }

  /** Tells of an entry; false when too much was told of late: it can be tried again when the entry is used. */
  tell(entry: Entry, purges: number, nowMs: number): boolean {
    this.#tokens = Math.min(BURST, this.#tokens + ((nowMs - this.#atMs) / SECOND_MS) * PER_SECOND);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- channels have no origin, windows do
    this.#channel.postMessage(told(entry, purges, nowMs));
    return true;
  }

  close(): void {
    this.#channel.close();
  }
}

function toldIn(event: Event): Told | null {
  const data: unknown = event instanceof MessageEvent ? event.data : null;
  return isTold(data) ? data : null;
}

/** Workers of this server alone know the name of the channel, and send nothing else. */
function isTold(data: unknown): data is Told {
  return typeof data === "object" && data !== null && "purges" in data;
}

function told(entry: Entry, purges: number, nowMs: number): Told {
  const { key, uri, status, reason, lines, use, etag, lastModified, varyNames, variant, version } = entry;
  const { buffer } = entry.body;
  return {
    key,
    uri,
    status,
    reason,
    lines,
    etag,
    lastModified,
    varyNames,
    variant,
    version,
    purges,
    use: {
      ...use,
      initialAgeMs: ageAt(use, nowMs),
    },
    body: buffer instanceof SharedArrayBuffer ? buffer : entry.body,
  };
}

function received(entry: Told, nowMs: number): Entry {
  const { body } = entry;
  const bytes =
    body instanceof SharedArrayBuffer
      ? Buffer.from(body)
      : Buffer.from(body.buffer, body.byteOffset, body.length);
  return new Entry({ ...entry, use: { ...entry.use, receivedMs: nowMs }, body: bytes });
}

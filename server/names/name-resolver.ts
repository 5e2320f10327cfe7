import type { Addresses, Lookup } from "./lookup.ts";

export interface NameResolverOptions {
  readonly lookup: Lookup;
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
  /** Told of a name whose last addresses go on being used because it has none now. */
  readonly onStale: (host: string, reason: string) => void;
}

interface Entry {
  addresses: readonly string[];
  /** Until then they are not asked for again. */
  freshUntilMs: number;
  /** Why there are none. */
  failure: Error | null;
  pending: Promise<void> | null;
  /** Where the next connection begins: several addresses share the load. */
  turn: number;
  /** Addresses that could not be connected to, and until when they come last. */
  readonly shunned: Map<string, number>;
}

/** What a file of this host says holds for a moment: it may be edited. */
const LEAST_TTL_MS = 1000;
const MOST_TTL_MS = 3_600_000;
/** A name that does not resolve is asked for again after this. */
const RETRY_MS = 2000;
const SHUN_MS = 10_000;
const LOOKUP_LIMIT_MS = 5000;
/** Names of backends, and those of backends that are gone. */
const MAX_NAMES = 4096;

/**
 * The addresses of names, for as long as their servers say. A name that stops resolving keeps its last addresses: a
 * name server that fails must not take backends down that work.
 */
export class NameResolver {
  readonly #options: NameResolverOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: NameResolverOptions) {
    this.#options = options;
  }

  /** Addresses of a name, the one to begin with first; rejects when it never had any. */
  async addressesOf(host: string): Promise<readonly string[]> {
    const entry = this.#entry(host);
    if (this.#options.now() >= entry.freshUntilMs) {
      entry.pending ??= this.#refresh(host, entry);
      await entry.pending;
    }
    if (entry.failure !== null && entry.addresses.length === 0) throw entry.failure;
    return this.#inTurn(entry);
  }

  /** Notes that an address could not be connected to: for a while it comes last. */
  failed(host: string, address: string): void {
    this.#entries.get(host)?.shunned.set(address, this.#options.now() + SHUN_MS);
  }

  async #refresh(host: string, entry: Entry): Promise<void> {
    const { lookup, now, onStale } = this.#options;
    try {
      const { addresses, ttlSeconds } = await within(LOOKUP_LIMIT_MS, lookup(host));
      entry.addresses = addresses;
      entry.failure = null;
      entry.freshUntilMs = now() + Math.min(MOST_TTL_MS, Math.max(LEAST_TTL_MS, ttlSeconds * 1000));
      for (const address of entry.shunned.keys()) {
        if (!addresses.includes(address)) entry.shunned.delete(address);
      }
    } catch (error) {
      entry.failure = error instanceof Error ? error : new Error(String(error));
      entry.freshUntilMs = now() + RETRY_MS;
      if (entry.addresses.length > 0) onStale(host, entry.failure.message);
    } finally {
      entry.pending = null;
    }
  }

  #inTurn({ addresses, shunned, ...entry }: Entry): readonly string[] {
    if (addresses.length <= 1) return addresses;
    const start = entry.turn % addresses.length;
    const rotated = [...addresses.slice(start), ...addresses.slice(0, start)];
    const nowMs = this.#options.now();
    const isShunned = (address: string): boolean => (shunned.get(address) ?? 0) > nowMs;
    return [...rotated.filter((each) => !isShunned(each)), ...rotated.filter(isShunned)];
  }

  #entry(host: string): Entry {
    const known = this.#entries.get(host);
    if (known !== undefined) {
      known.turn++;
      return known;
    }
    const oldest = this.#entries.keys().next();
    if (this.#entries.size >= MAX_NAMES && oldest.done !== true) this.#entries.delete(oldest.value);
    const made: Entry = {
      addresses: [],
      freshUntilMs: Number.NEGATIVE_INFINITY,
      failure: null,
      pending: null,
      turn: 0,
      shunned: new Map(),
    };
    this.#entries.set(host, made);
    return made;
  }
}

async function within(limitMs: number, work: Promise<Addresses>): Promise<Addresses> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("no answer in time")), limitMs);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

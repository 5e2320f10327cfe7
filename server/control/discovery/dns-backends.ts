/** Backends that a name stands for: one for each of its addresses, as long as the name has them. */
import { backendIdOf } from "../../../core/config/checks/backend-checks.ts";
import type { BackendConfig } from "../../../core/config/schema/backend-schema.ts";
import { messageOf } from "../../../core/log/message-of.ts";
import { parseDnsTarget } from "../../../core/schema/formats.ts";
import type { Lookup } from "../../names/lookup.ts";
import type { Logger } from "../logging/logger.ts";

const LEAST_TTL_MS = 1000;
const MOST_TTL_MS = 300_000;
/** A name that does not resolve is asked for again after this. */
const RETRY_MS = 2000;
const LOOKUP_LIMIT_MS = 2000;
/** Addresses of one name; what has more is not what was meant. */
const MAX_ADDRESSES = 256;

export interface DnsBackendsOptions {
  readonly lookup: Lookup;
  /** Told when a name has other addresses than before. */
  readonly onChange: () => void;
  readonly log: Logger;
}

interface Watched {
  /** As it was written. */
  readonly dns: string;
  /** Sorted. */
  addresses: readonly string[];
  hasFailed: boolean;
  timer: ReturnType<typeof setTimeout> | null;
}

/** Follows the names of `backends` that are given as `dns`. A name that stops resolving keeps its last addresses. */
export class DnsBackends {
  readonly #options: DnsBackendsOptions;
  /** By what was written: what else an entry says may change, and the addresses are the same. */
  readonly #watched = new Map<string, Watched>();

  constructor(options: DnsBackendsOptions) {
    this.#options = options;
  }

  /** Follows these too; resolves once each new one has been asked for. */
  async follow(entries: readonly BackendConfig[]): Promise<void> {
    const fresh = [...namesIn(entries)].filter((dns) => !this.#watched.has(dns));
    await Promise.all(
      fresh.map((dns) => {
        const watched: Watched = { dns, addresses: [], hasFailed: false, timer: null };
        this.#watched.set(dns, watched);
        return this.#ask(watched, false);
      }),
    );
  }

  /** Follows no others any more. */
  keepOnly(entries: readonly BackendConfig[]): void {
    const wanted = namesIn(entries);
    for (const [dns, { timer }] of this.#watched) {
      if (wanted.has(dns)) continue;
      if (timer !== null) clearTimeout(timer);
      this.#watched.delete(dns);
    }
  }

  /** The backends that an entry stands for now. */
  expand(entry: BackendConfig): BackendConfig[] {
    const target = parseDnsTarget(entry.dns ?? "");
    const watched = this.#watched.get(entry.dns ?? "");
    if (target === null || watched === undefined) return [];
    const { dns: _, ...rest } = entry;
    return watched.addresses.map((address) => {
      const host = address.includes(":") ? `[${address}]` : address;
      return {
        ...rest,
        id: `${backendIdOf(entry)}@${address}`,
        hostname: entry.hostname ?? target.host,
        url: `${target.scheme}://${host}:${target.port}`,
      };
    });
  }

  stop(): void {
    for (const { timer } of this.#watched.values()) if (timer !== null) clearTimeout(timer);
    this.#watched.clear();
  }

  async #ask(watched: Watched, tells: boolean): Promise<void> {
    const pauseMs = await this.#refresh(watched, tells);
    if (this.#watched.get(watched.dns) !== watched) return;
    watched.timer = setTimeout(() => void this.#ask(watched, true), pauseMs);
  }

  /** Asks once; gives the time until it should be asked again. */
  async #refresh(watched: Watched, tells: boolean): Promise<number> {
    const { lookup, log, onChange } = this.#options;
    const { dns } = watched;
    const host = parseDnsTarget(dns)?.host ?? "";
    try {
      const found = await within(LOOKUP_LIMIT_MS, lookup(host));
      const addresses = found.addresses.toSorted().slice(0, MAX_ADDRESSES);
      if (watched.hasFailed) log.info("a name of backends resolves again", { dns });
      watched.hasFailed = false;
      if (String(addresses) !== String(watched.addresses)) {
        watched.addresses = addresses;
        log.info("the backends of a name are others now", { dns, addresses: addresses.length });
        if (tells) onChange();
      }
      return Math.min(MOST_TTL_MS, Math.max(LEAST_TTL_MS, found.ttlSeconds * 1000));
    } catch (error) {
      if (!watched.hasFailed) {
        const reason = messageOf(error);
        const kept = watched.addresses.length;
        log.warn("a name of backends does not resolve now: its last addresses stay", { dns, reason, kept });
      }
      watched.hasFailed = true;
      return RETRY_MS;
    }
  }
}

function namesIn(entries: readonly BackendConfig[]): Set<string> {
  return new Set(entries.flatMap(({ dns }) => (dns === undefined ? [] : [dns])));
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("no answer in time")), limitMs);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

import type { CidrSet } from "../../../core/http/cidr.ts";
import type { ClientConnections } from "../../../core/table/client-connections.ts";
import type { CounterName } from "../../../core/table/figures/counter-names.ts";
import { rateKey } from "../../../core/table/rate-key.ts";
import type { WorkerLog } from "../thread/worker-log.ts";

export interface GateLimits {
  /** Connections that may be open at one time. */
  readonly connections: number;
  /** Connections of one address; 0 = any number. */
  readonly perAddress: number;
  /** These may have any number: they stand for many clients. */
  readonly trusted: CidrSet;
}

/**
 * Decides which connections are taken: so few that descriptors never run out, and no address has all of them. Who is not
 * admitted is closed at once, which costs less than to let it wait, and tells it to go elsewhere.
 */
export class ClientGate {
  readonly #connections: ClientConnections;
  #limits: GateLimits;
  readonly #log: WorkerLog;
  readonly #count: (counter: CounterName) => void;

  constructor(
    connections: ClientConnections,
    limits: GateLimits,
    log: WorkerLog,
    count: (counter: CounterName) => void,
  ) {
    this.#connections = connections;
    this.#limits = limits;
    this.#log = log;
    this.#count = count;
  }

  /** Judges by other limits from now on. */
  setLimits(limits: GateLimits): void {
    this.#limits = limits;
  }

  /** Counts a connection of that address, which must {@link leave}; false when there are too many. */
  enter(address: string): boolean {
    const { connections, perAddress, trusted } = this.#limits;
    const { hi, lo } = rateKey(address);
    if (this.#connections.total >= connections) return this.#refuse("max_client_connections", address);
    const isLimited = perAddress > 0 && !trusted.has(address);
    if (isLimited && this.#connections.of(hi, lo) >= perAddress) {
      return this.#refuse("max_connections_per_address", address);
    }
    this.#connections.add(hi, lo, 1);
    return true;
  }

  leave(address: string): void {
    const { hi, lo } = rateKey(address);
    this.#connections.add(hi, lo, -1);
  }

  #refuse(limit: string, client: string): false {
    this.#count("connections_refused");
    this.#log.warn("a connection was refused: there are as many as there may be", { limit, client });
    return false;
  }
}

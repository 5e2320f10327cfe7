/** Brings a judged configuration into effect everywhere. */

import { backendIdOf } from "../../../core/config/checks/backend-checks.ts";
import type { RuntimeChanges } from "../../../core/config/runtime/runtime-changes.ts";
import type { BackendConfig, BackendTerms } from "../../../core/config/schema/backend-schema.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import type { ApiKey } from "../../../core/plane/api-key.ts";
import { renumberTiers } from "../../../core/scoring/index.ts";
import type { FieldError } from "../../../core/wire/problem.ts";
import type { DnsBackends } from "../discovery/dns-backends.ts";
import type { Loaded } from "../files/loaded.ts";
import type { WantedBackend, WantedFleet } from "../registry/configured-backends.ts";
import type { Registry } from "../registry/registry.ts";
import type { Live, Standing } from "./live.ts";

export type Prepared =
  | {
      readonly ok: true;
      /** Resolves once every later request goes by the configuration. */
      readonly commit: () => Promise<void>;
      /** Leaves everything as it was. */
      readonly discard: () => void;
    }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

export interface ApplierDeps {
  readonly live: Live;
  readonly registry: Registry;
  readonly dns: DnsBackends;
  readonly readKeys: (config: ServerConfig) => Loaded<readonly ApiKey[]>;
  /** How many threads a configuration asks for. */
  readonly workersOf: (config: ServerConfig) => number;
  /** Told as soon as `live` has changed: the log, the probes. */
  readonly onChange: () => void;
  /** Tells the workers; resolves once they go by it. */
  readonly tellWorkers: () => Promise<void>;
}

export class Applier {
  readonly #deps: ApplierDeps;
  /** What is in effect, for names whose addresses change. */
  #wanted: { readonly backends: readonly BackendConfig[]; readonly changes: RuntimeChanges };

  #last: Promise<unknown> = Promise.resolve();
  /** Waits for its turn: names that change meanwhile are part of it. */
  #refreshing: Promise<readonly FieldError[]> | null = null;

  constructor(deps: ApplierDeps, changes: RuntimeChanges) {
    this.#deps = deps;
    this.#wanted = { backends: deps.live.config.backends, changes };
  }

  /** Does work that changes what is in effect when all of it that was asked for before is done. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Does all that can fail; to be called {@link inTurn} together with what becomes of it. */
  async prepare(config: ServerConfig, changes: RuntimeChanges): Promise<Prepared> {
    const first = this.#standingOf(config);
    if (!("config" in first)) return { ok: false, errors: [first] };
    const { dns } = this.#deps;
    await dns.follow(config.backends);
    const admitted = await this.#admit({ backends: config.backends, changes });
    // Names take their time, and the files of keys may hold others by now.
    const standing = this.#standingOf(config);
    const discard = (): void => dns.keepOnly(this.#wanted.backends);
    const errors = [
      ...("config" in standing ? [] : [standing]),
      ...(admitted.ok ? this.#roomFaults(admitted.fleet) : admitted.errors),
    ];
    if (!admitted.ok || !("config" in standing) || errors.length > 0) {
      discard();
      return { ok: false, errors };
    }
    return { ok: true, discard, commit: () => this.#commit(standing, changes, admitted.fleet) };
  }

  /** Puts the backends of the configuration in service; at the start, and when a name has other addresses. */
  refreshBackends(): Promise<readonly FieldError[]> {
    // Never in the middle of a change: what is wanted before it would be put back in service after it.
    this.#refreshing ??= this.inTurn(async () => {
      this.#refreshing = null;
      await this.#deps.dns.follow(this.#wanted.backends);
      const admitted = await this.#admit(this.#wanted);
      if (!admitted.ok) return admitted.errors;
      await this.#deps.registry.configured.apply(admitted.fleet);
      return [];
    });
    return this.#refreshing;
  }

  async #commit(standing: Standing, changes: RuntimeChanges, fleet: WantedFleet): Promise<void> {
    const { live, registry, dns, onChange, tellWorkers } = this.#deps;
    live.replace(standing);
    onChange();
    this.#wanted = { backends: standing.config.backends, changes };
    const { managementRate, proxyRate } = live.tables;
    const { config } = standing;
    managementRate.setLimit({ perMinute: config.rate_limit_per_minute, burst: config.rate_limit_burst });
    proxyRate.setLimit({
      perMinute: config.proxy_rate_limit_per_minute,
      burst: config.proxy_rate_limit_burst,
    });
    // Rows first: with the next message workers may ask for a tier that is new.
    registry.rewriteAll();
    await tellWorkers();
    await registry.configured.apply(fleet);
    dns.keepOnly(standing.config.backends);
  }

  #standingOf(config: ServerConfig): Standing | FieldError {
    const { live, readKeys, workersOf } = this.#deps;
    const { tierCount, workers: mostWorkers } = live.tables.backends;
    const tiers = renumberTiers(live.tiers, config, tierCount);
    if (tiers === null) {
      const rule = `needs a restart: at most ${tierCount} tiers can be told apart until then`;
      return { field: "tiers", rule, got: config.tiers.length };
    }
    const workers = workersOf(config);
    if (workers > mostWorkers) {
      return { field: "workers", rule: `must be at most ${mostWorkers} without a restart`, got: workers };
    }
    const { value: keys, faults } = readKeys(config);
    const [fault] = faults;
    if (fault !== undefined) return { field: fault.path.join("."), rule: fault.message, got: null };
    return { config, ...tiers, workers, keys: keys ?? [] };
  }

  /** Backends that come by a change need a place; for what names stand for nobody can be refused. */
  #roomFaults(fleet: WantedFleet): FieldError[] {
    const { registry, live } = this.#deps;
    const known = new Set(this.#wanted.backends.map(backendIdOf));
    const isNew = fleet.backends.some(({ id, source }) => source !== "dns" && !known.has(id));
    const excess = registry.configured.excessOf(fleet);
    if (!isNew || excess === 0) return [];
    const { capacity } = live.tables.backends;
    const rule = `needs a restart with a higher max_backends: of ${capacity} places ${excess} too few are free`;
    return [{ field: "backends", rule, got: fleet.backends.length }];
  }

  #admit({
    backends,
    changes,
  }: {
    readonly backends: readonly BackendConfig[];
    readonly changes: RuntimeChanges;
  }): ReturnType<Registry["configured"]["admit"]> {
    const { dns, registry } = this.#deps;
    const added = new Map(changes.added.map((each) => [each.id, each]));
    const list = changes.keys.find(({ key }) => key === "backends");
    const wanted = backends.flatMap((entry): WantedBackend[] => {
      const call = added.get(backendIdOf(entry));
      const origin = call ?? list;
      // A call from elsewhere must not reach what only this host can, any more than an agent from there.
      const loopbackAllowed = origin === undefined || origin.local === true;
      if (entry.dns !== undefined) {
        return dns.expand(entry).map((each) => ({ entry: each, source: "dns", loopbackAllowed }));
      }
      return [{ entry, source: call === undefined ? "config" : "api", loopbackAllowed }];
    });
    const terms = new Map<string, BackendTerms>(changes.terms.map((each) => [each.id, each.terms]));
    return registry.configured.admit(wanted, terms);
  }
}

/** Backends that the configuration, a name or a call describes, and what operators say of those with an agent. */
import { backendIdOf } from "../../../core/config/checks/backend-checks.ts";
import type { BackendConfig, BackendTerms } from "../../../core/config/schema/backend-schema.ts";
import type { Endpoint } from "../../../core/plane/snapshot.ts";
import type { FieldError } from "../../../core/wire/problem.ts";
import type { EndpointPolicy } from "../admission/endpoint-policy.ts";
import type { Logger } from "../logging/logger.ts";
import type { Admitted, BackendRecord, BackendSource } from "./backend-record.ts";
import type { Fleet } from "./fleet.ts";
import type { KeyedQueue } from "./keyed-queue.ts";

/** A backend that is to be there. */
export interface WantedBackend {
  readonly entry: BackendConfig;
  readonly source: Exclude<BackendSource, "agent">;
  /** Who wants it may send requests to what listens on this host alone. */
  readonly loopbackAllowed: boolean;
}

/** A wanted backend whose endpoints may be used. */
interface AdmittedBackend extends WantedBackend {
  readonly id: string;
  readonly admitted: Admitted;
}

/** What is to be in service beside the backends that registered themselves. */
export interface WantedFleet {
  readonly backends: readonly AdmittedBackend[];
  /** By id, for backends with an agent. */
  readonly terms: ReadonlyMap<string, BackendTerms>;
}

export type WantedOutcome =
  | { readonly ok: true; readonly fleet: WantedFleet }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

/** Nobody can show a token for a backend that nobody registered. */
const NO_OWNER = { tokenHash: null, tokenShown: true } as const;

export interface ConfiguredDeps {
  readonly fleet: Fleet;
  readonly queue: KeyedQueue;
  readonly policy: EndpointPolicy;
  readonly log: Logger;
  readonly now: () => number;
}

/** Keeps the fleet in step with what is wanted of it. */
export class ConfiguredBackends {
  readonly #deps: ConfiguredDeps;
  /** Each change waits for the one before it. */
  #last: Promise<void> = Promise.resolve();
  #terms: ReadonlyMap<string, BackendTerms> = new Map();

  constructor(deps: ConfiguredDeps) {
    this.#deps = deps;
  }

  /** Judges every endpoint; nothing is changed yet. */
  async admit(
    wanted: readonly WantedBackend[],
    terms: ReadonlyMap<string, BackendTerms>,
  ): Promise<WantedOutcome> {
    const judged = await Promise.all(wanted.map((each) => this.#judge(each)));
    const errors = judged.flatMap((each, at) => {
      if (!("errors" in each)) return [];
      if (wanted[at]?.source !== "dns") return each.errors;
      // Who answers for a name must not be able to hold up every other change.
      for (const { field, rule } of each.errors) {
        this.#deps.log.warn("an address of a name is left out", { backend: field, reason: rule });
      }
      return [];
    });
    if (errors.length > 0) return { ok: false, errors };
    const backends = judged.flatMap((each) => ("errors" in each ? [] : [each]));
    return { ok: true, fleet: { backends, terms } };
  }

  /** How many backends there would be without a place. */
  excessOf({ backends }: WantedFleet): number {
    const { fleet } = this.#deps;
    const agents = fleet.records().filter(({ source }) => source === "agent");
    const ids = new Set([...backends.map(({ id }) => id), ...agents.map(({ clientId }) => clientId)]);
    return Math.max(0, ids.size - fleet.capacity);
  }

  /** What operators have said of a backend with an agent. */
  termsOf(clientId: string): BackendTerms {
    return this.#terms.get(clientId) ?? {};
  }

  /** Adds, changes and removes what is due; resolves once every worker knows. Requests in flight go on. */
  apply(fleet: WantedFleet): Promise<void> {
    const turn = this.#last.then(() => this.#apply(fleet));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #judge({
    entry,
    source,
    loopbackAllowed,
  }: WantedBackend): Promise<AdmittedBackend | { errors: FieldError[] }> {
    const id = backendIdOf(entry);
    const listed = entry.endpoints ?? [{ url: entry.url ?? "", paths: [] }];
    const verdicts = await Promise.all(
      listed.map(async ({ url }) => ({ url, verdict: await this.#deps.policy.judge(url, loopbackAllowed) })),
    );
    const endpoints: Endpoint[] = [];
    const errors: FieldError[] = [];
    for (const { url, verdict } of verdicts) {
      if (verdict.ok) {
        endpoints.push(verdict.endpoint);
        if (verdict.warning !== null) this.#deps.log.warn(verdict.warning, { client_id: id });
      } else errors.push({ field: `backends ${id}`, rule: verdict.rule, got: url });
    }
    if (errors.length > 0) return { errors };
    const admitted: Admitted = {
      registration: {
        client_id: id,
        hostname: entry.hostname ?? "",
        ...(entry.location === undefined
          ? {}
          : { latitude: entry.location.lat, longitude: entry.location.lon }),
      },
      endpoints,
      patterns: listed.map(({ paths }) => paths),
      loopbackAllowed,
    };
    return { entry, source, loopbackAllowed, id, admitted };
  }

  async #apply({ backends, terms }: WantedFleet): Promise<void> {
    const { fleet, queue } = this.#deps;
    this.#terms = terms;
    const wanted = new Map(backends.map((each) => [each.id, each]));
    const gone = fleet
      .records()
      .filter(({ source, clientId }) => source !== "agent" && !wanted.has(clientId));
    await Promise.all(gone.map((record) => queue.run(record.clientId, () => this.#drop(record))));
    await Promise.all(backends.map((each) => queue.run(each.id, () => this.#put(each))));
    for (const record of fleet.records()) {
      if (record.source === "agent") fleet.setTerms(record, terms.get(record.clientId) ?? {});
    }
    // Only now every backend that another one is the backup of has its row.
    fleet.writePreferences();
  }

  async #put({ id, entry, source, admitted }: AdmittedBackend): Promise<void> {
    const { fleet, log, now } = this.#deps;
    const known = fleet.get(id);
    if (known?.source === "agent") {
      log.warn("a backend that had registered itself is replaced by the one of that id that is configured", {
        client_id: id,
      });
      await fleet.drop(known);
    }
    const record = fleet.get(id);
    if (record === undefined) {
      const added = await fleet.add(admitted, { ownership: NO_OWNER, nowMs: now(), source, entry });
      if (added === null) {
        log.error("a backend is left out: the table of backends is full; raise max_backends", {
          client_id: id,
        });
      } else log.info("backend added", { client_id: id, source, endpoints: urlsOf(admitted) });
      return;
    }
    record.source = source;
    record.resources = entry.resources;
    const isSame = JSON.stringify(record.admitted) === JSON.stringify(admitted);
    if (!isSame) {
      await fleet.update(record, admitted, now());
      log.info("backend changed", { client_id: id, endpoints: urlsOf(admitted) });
    } else fleet.writeRow(record);
    fleet.setTerms(record, entry);
  }

  async #drop(record: BackendRecord): Promise<void> {
    if (this.#deps.fleet.get(record.clientId) !== record) return;
    await this.#deps.fleet.drop(record);
    this.#deps.log.info("backend removed", { client_id: record.clientId });
  }
}

function urlsOf(admitted: Admitted): string[] {
  return admitted.endpoints.map(({ url }) => url);
}

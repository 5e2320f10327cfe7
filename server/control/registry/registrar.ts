/** Takes registrations of agents: who may have an id, and what is told to whom may not. */
import { isIP } from "node:net";
import type { BackendTerms } from "../../../core/config/schema/backend-schema.ts";
import type { Registration } from "../../../core/wire/registration.ts";
import { admit } from "../admission/admission.ts";
import { type Admitted, type BackendRecord, hasSameEndpoints, isActive } from "./backend-record.ts";
import type { RegisterOutcome } from "./backend-state.ts";
import type { Fleet } from "./fleet.ts";
import { BUSY, type KeyedQueue } from "./keyed-queue.ts";
import { claimOf, mayReplace, newToken } from "./ownership.ts";
import type { RegistryDeps } from "./registry-types.ts";

export interface RegistrarParts {
  readonly fleet: Fleet;
  readonly queue: KeyedQueue;
  /** What operators have said of a backend, perhaps before it came. */
  readonly termsOf: (clientId: string) => BackendTerms;
}

export class Registrar {
  readonly #deps: RegistryDeps;
  readonly #parts: RegistrarParts;

  constructor(deps: RegistryDeps, parts: RegistrarParts) {
    this.#deps = deps;
    this.#parts = parts;
  }

  async register(registration: Registration, peer: string, token: string | null): Promise<RegisterOutcome> {
    const { queue } = this.#parts;
    const clientId = registration.client_id;
    if (queue.isFull(clientId)) return BUSY;
    // Judged in the queue as well: names take their time to resolve, and the later registration must be the last.
    return queue.run(clientId, async () => {
      const admission = await admit(this.#located(registration, peer), peer, this.#deps.policy);
      if (!admission.ok) return { kind: "invalid", errors: admission.errors };
      for (const warning of admission.warnings) this.#deps.log.warn(warning, { client_id: clientId });
      return this.#registerAdmitted(admission.admitted, token);
    });
  }

  async #registerAdmitted(admitted: Admitted, token: string | null): Promise<RegisterOutcome> {
    const nowMs = this.#deps.now();
    const clientId = admitted.registration.client_id;
    const known = this.#parts.fleet.get(clientId);
    this.#warnOfSharedEndpoints(admitted);
    if (known === undefined) return this.#addNew(admitted, nowMs);
    if (known.source !== "agent") return { kind: "conflict", detail: configuredId(clientId) };

    const claim = claimOf(known.ownership, token);
    const isAlive =
      isActive(known, nowMs, this.#deps.config.stale_minutes * 60_000) && known.health !== "unhealthy";
    const isSame = hasSameEndpoints(known.admitted, admitted);
    if (!mayReplace(known.ownership, claim, { isAlive, hasSameEndpoints: isSame })) {
      this.#deps.log.warn("a registration was refused: the id belongs to a living backend", {
        client_id: clientId,
      });
      return { kind: "conflict", detail: heldId(clientId) };
    }
    if (claim === "holder" && token !== null) {
      known.ownership = { ...known.ownership, tokenShown: true };
      await this.#update(known, admitted, nowMs);
      return { kind: "registered", token };
    }
    const fresh = newToken();
    known.ownership = { tokenHash: fresh.tokenHash, tokenShown: false };
    await this.#update(known, admitted, nowMs);
    return { kind: "registered", token: fresh.token };
  }

  async #addNew(admitted: Admitted, nowMs: number): Promise<RegisterOutcome> {
    const clientId = admitted.registration.client_id;
    const { token, tokenHash } = newToken();
    const record = await this.#parts.fleet.add(admitted, {
      ownership: { tokenHash, tokenShown: false },
      nowMs,
      entry: this.#parts.termsOf(clientId),
    });
    if (record === null) {
      const capacity = this.#deps.tables.backends.capacity;
      this.#deps.log.error("a registration was refused: the table of backends is full", {
        client_id: clientId,
        max_backends: capacity,
      });
      return { kind: "full", detail: `all ${capacity} places are taken; raise max_backends` };
    }
    this.#deps.log.info("backend registered", { client_id: clientId, endpoints: urlsOf(admitted) });
    return { kind: "registered", token };
  }

  /** With the place of its public address, else of its sender, where it does not know its own. */
  #located(registration: Registration, peer: string): Registration {
    const { latitude = 0, longitude = 0, public_ip: published = "" } = registration;
    if (latitude !== 0 || longitude !== 0) return registration;
    const place = this.#deps.locate?.(isIP(published) === 0 ? peer : published) ?? null;
    return place === null ? registration : { ...registration, latitude: place.lat, longitude: place.lon };
  }

  async #update(record: BackendRecord, admitted: Admitted, nowMs: number): Promise<void> {
    // Its agent may have started anew, with a clock that was set back: what it reports next counts.
    if (record.lastReport !== null) record.lastReport = { ...record.lastReport, timestampMs: 0 };
    await this.#parts.fleet.update(record, admitted, nowMs);
    const data = { client_id: record.clientId, endpoints: urlsOf(admitted) };
    this.#deps.log.info("backend registered again", data);
  }

  #warnOfSharedEndpoints(admitted: Admitted): void {
    const urls = new Set(admitted.endpoints.map((endpoint) => endpoint.url));
    for (const other of this.#parts.fleet.records()) {
      if (other.clientId === admitted.registration.client_id) continue;
      const shared = other.admitted.endpoints.find((endpoint) => urls.has(endpoint.url));
      if (shared === undefined) continue;
      this.#deps.log.warn("two backends have the same endpoint; both stay", {
        endpoint: shared.url,
        client_ids: [admitted.registration.client_id, other.clientId],
      });
      return;
    }
  }
}

function urlsOf(admitted: Admitted): string[] {
  return admitted.endpoints.map((endpoint) => endpoint.url);
}

function configuredId(clientId: string): string {
  return `the client_id ${clientId} is that of a backend in the configuration; choose another client_id`;
}

function heldId(clientId: string): string {
  return (
    `the client_id ${clientId} belongs to a living backend; send its token as X-Opsen-Agent-Token, ` +
    "choose another client_id, or wait until that backend is stale or unhealthy"
  );
}

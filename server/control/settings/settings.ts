/** Changes of the configuration while the server runs: all of a change or nothing, one at a time. */
import { type Change, diffConfigs } from "../../../core/config/runtime/diff.ts";
import {
  isSameChange,
  NO_CHANGES,
  type Origin,
  type RuntimeChanges,
} from "../../../core/config/runtime/runtime-changes.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import type { FieldError } from "../../../core/wire/problem.ts";
import type { Logger } from "../logging/logger.ts";
import type { Store } from "../store/store.ts";
import type { Applier } from "./applier.ts";
import type { Audit } from "./audit.ts";
import { candidateOf, type LoadConfig } from "./candidate.ts";
import type { Live } from "./live.ts";
import { firstVersion, saveChanges, saveVersion } from "./stored-changes.ts";

/** Edits that can be taken back. */
const MAX_UNDO = 50;

/** Who asks for a change, and how. */
export interface Request {
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly persist: boolean;
  /** The version that the caller has seen; null when any will do. */
  readonly expected: number | null;
  /** Only tell what would change. */
  readonly dryRun: boolean;
  /** Asked at the turn of the request: what others have done meanwhile that is in its way; null for nothing. */
  readonly obstacle?: () => string | null;
  /** The caller is on this host. */
  readonly isLocal: boolean;
}

export type SettingsOutcome =
  | {
      readonly kind: "applied";
      readonly version: number;
      readonly changes: readonly Change[];
      readonly restartRequired: readonly string[];
    }
  | { readonly kind: "invalid"; readonly errors: readonly FieldError[] }
  /** Somebody else has changed something since. */
  | { readonly kind: "stale"; readonly version: number }
  /** See {@link Request.obstacle}. */
  | { readonly kind: "conflict"; readonly detail: string }
  /** There is nothing to take back. */
  | { readonly kind: "nothing" };

export interface SettingsDeps {
  readonly live: Live;
  readonly load: LoadConfig;
  readonly applier: Applier;
  readonly store: Store;
  readonly audit: Audit;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly wallNow: () => number;
}

/** How the last change that was wanted went. */
export interface LatestChange {
  readonly isApplied: boolean;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** What calls have changed. */
interface Changed {
  readonly current: RuntimeChanges;
  /** What of it outlives a restart: an edit that does not leaves here what it covers. */
  readonly lasting: RuntimeChanges;
}

export class Settings {
  readonly #deps: SettingsDeps;
  #state: Changed;
  /** What the next start would go by. */
  #wanted: ServerConfig;
  #version: number;
  /** What the changes were before each of the last edits, the last at the end. */
  readonly #history: Changed[] = [];
  #latest: LatestChange | null = null;
  /** Waits for its turn. */
  #reading: Promise<unknown> | null = null;

  /** `changes` are those that were in effect when the server started. */
  constructor(deps: SettingsDeps, changes: RuntimeChanges = NO_CHANGES) {
    this.#deps = deps;
    this.#wanted = deps.live.config;
    this.#state = { current: changes, lasting: changes };
    this.#version = firstVersion(deps.store);
    saveVersion(deps.store, this.#version);
    deps.store.whenReplaced(() => {
      saveChanges(deps.store, this.#state.lasting);
      saveVersion(deps.store, this.#version);
    });
  }

  /** Moves on with every change. */
  get version(): number {
    return this.#version;
  }

  /** Null before the first one. */
  get latest(): LatestChange | null {
    return this.#latest;
  }

  get changes(): RuntimeChanges {
    return this.#state.current;
  }

  get canUndo(): boolean {
    return this.#history.length > 0;
  }

  /** Changes what `edit` makes of the changes so far; resolves once every later request goes by it. */
  change(
    request: Request,
    edit: (changes: RuntimeChanges, origin: Origin) => RuntimeChanges,
  ): Promise<SettingsOutcome> {
    const { persist, actor: by, isLocal: local } = request;
    const origin = { persist, by, at: this.#deps.wallNow(), local };
    return this.#deps.applier.inTurn(() => {
      const { current, lasting } = this.#state;
      const next = {
        current: edit(current, origin),
        lasting: origin.persist ? edit(lasting, origin) : lasting,
      };
      return this.#apply(request, next, "edit");
    });
  }

  /** Reads the configuration file again. */
  reload(request: Request): Promise<SettingsOutcome> {
    return this.#deps.applier.inTurn(() => this.#apply(request, this.#state, "reload"));
  }

  /** Does so for a signal or a file that has changed: those that come while one waits for its turn are one. */
  readAgain(actor: string): Promise<unknown> {
    this.#reading ??= this.#deps.applier.inTurn(() => {
      this.#reading = null;
      const asked = { actor, action: "reload", target: "", persist: false, expected: null };
      const request = { ...asked, dryRun: false, isLocal: true };
      return this.#apply(request, this.#state, "reload");
    });
    return this.#reading;
  }

  /** Takes the last edit back. */
  undo(request: Request): Promise<SettingsOutcome> {
    return this.#deps.applier.inTurn(async () => {
      const before = this.#history.at(-1);
      return before === undefined ? { kind: "nothing" } : this.#apply(request, before, "undo");
    });
  }

  async #apply(request: Request, next: Changed, kind: "edit" | "reload" | "undo"): Promise<SettingsOutcome> {
    const { live, load, applier } = this.#deps;
    const { expected, dryRun, obstacle } = request;
    if (expected !== null && expected !== this.#version) return { kind: "stale", version: this.#version };
    const detail = obstacle?.() ?? null;
    if (detail !== null) return { kind: "conflict", detail };
    const judged = candidateOf(load, { config: live.config, changes: this.changes }, next.current);
    if (!judged.ok) return this.#refused(request, judged.errors);
    const { config, wanted, changes, restartRequired } = judged.candidate;
    const pending = diffConfigs(this.#wanted, wanted).filter(({ key }) => restartRequired.includes(key));
    const prepared = await applier.prepare(config, next.current);
    if (!prepared.ok) return this.#refused(request, prepared.errors);
    if (dryRun) {
      prepared.discard();
      return { kind: "applied", version: this.#version, changes, restartRequired };
    }
    // What has changed nothing is nothing that could be taken back.
    if (kind === "edit" && !isSameChange(this.changes, next.current)) this.#history.push(this.#state);
    if (kind === "undo") this.#history.pop();
    if (this.#history.length > MAX_UNDO) this.#history.shift();
    this.#state = next;
    this.#wanted = wanted;
    if (changes.length > 0 || kind !== "reload") this.#version++;
    saveVersion(this.#deps.store, this.#version);
    await prepared.commit();
    this.#latest = { isApplied: true, atMs: this.#deps.wallNow() };
    if (kind !== "reload") saveChanges(this.#deps.store, next.lasting);
    this.#tell(request, { changes, pending, restartRequired });
    await this.#deps.store.settled();
    return { kind: "applied", version: this.#version, changes, restartRequired };
  }

  #refused(request: Request, errors: readonly FieldError[]): SettingsOutcome {
    const { log, wallNow } = this.#deps;
    if (request.dryRun) return { kind: "invalid", errors };
    this.#latest = { isApplied: false, atMs: wallNow() };
    const reason = errors.map(({ field, rule }) => `${field}: ${rule}`).join("; ");
    log.error("a change of the configuration is refused: everything stays as it was", {
      by: request.actor,
      action: request.action,
      reason,
    });
    return { kind: "invalid", errors };
  }

  #tell(request: Request, { changes, pending, restartRequired }: Told): void {
    const { log, audit, wallNow } = this.#deps;
    const { actor, action, target, persist } = request;
    if (changes.length === 0 && restartRequired.length === 0 && action === "reload") {
      log.info("the configuration was read again: nothing has changed", { by: actor });
      return;
    }
    for (const { key, from, to } of changes) {
      log.info("the configuration has changed", { key, from: inShort(from), to: inShort(to), by: actor });
    }
    if (restartRequired.length > 0) {
      log.warn("keys that have changed take effect at the next start", { keys: restartRequired.join(", ") });
    }
    const at = new Date(wallNow()).toISOString();
    audit.add({ at, actor, action, target, changes: [...changes, ...pending], persist });
  }
}

/** What a change has come to. */
interface Told {
  readonly changes: readonly Change[];
  /** Changes that count from the next start on. */
  readonly pending: readonly Change[];
  readonly restartRequired: readonly string[];
}

const MAX_SHOWN = 300;

function inShort(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

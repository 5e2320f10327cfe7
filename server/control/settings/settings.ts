/** Changes of the configuration while the server runs: all of a change or nothing, one at a time. */
import type { Change } from "../../../core/config/diff.ts";
import {
  NO_CHANGES,
  type Origin,
  persistent,
  type RuntimeChanges,
} from "../../../core/config/runtime-changes.ts";
import type { FieldError } from "../../../core/wire/problem.ts";
import type { Logger } from "../logging/logger.ts";
import type { Store } from "../store/store.ts";
import type { Applier } from "./applier.ts";
import type { Audit } from "./audit.ts";
import { candidateOf, type LoadConfig } from "./candidate.ts";
import type { Live } from "./live.ts";
import { saveChanges } from "./stored-changes.ts";

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

export class Settings {
  readonly #deps: SettingsDeps;
  #changes: RuntimeChanges;
  #version = 1;
  /** What the changes were before each of the last edits, the last at the end. */
  readonly #history: RuntimeChanges[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #latest: LatestChange | null = null;

  /** `changes` are those that were in effect when the server started. */
  constructor(deps: SettingsDeps, changes: RuntimeChanges = NO_CHANGES) {
    this.#deps = deps;
    this.#changes = changes;
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
    return this.#changes;
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
    return this.#inTurn(() => this.#apply(request, edit(this.#changes, origin), "edit"));
  }

  /** Reads the configuration file again. */
  reload(request: Request): Promise<SettingsOutcome> {
    return this.#inTurn(() => this.#apply(request, this.#changes, "reload"));
  }

  /** Takes the last edit back. */
  undo(request: Request): Promise<SettingsOutcome> {
    return this.#inTurn(async () => {
      const before = this.#history.at(-1);
      return before === undefined ? { kind: "nothing" } : this.#apply(request, before, "undo");
    });
  }

  async #apply(
    request: Request,
    next: RuntimeChanges,
    kind: "edit" | "reload" | "undo",
  ): Promise<SettingsOutcome> {
    const { live, load, applier } = this.#deps;
    const { expected, dryRun } = request;
    if (expected !== null && expected !== this.#version) return { kind: "stale", version: this.#version };
    const judged = candidateOf(load, { config: live.config, changes: this.#changes }, next);
    if (!judged.ok) return this.#refused(request, judged.errors);
    const { config, changes, restartRequired } = judged.candidate;
    const prepared = await applier.prepare(config, next);
    if (!prepared.ok) return this.#refused(request, prepared.errors);
    if (dryRun) {
      await prepared.discard();
      return { kind: "applied", version: this.#version, changes, restartRequired };
    }
    if (kind === "edit") this.#history.push(this.#changes);
    if (kind === "undo") this.#history.pop();
    if (this.#history.length > MAX_UNDO) this.#history.shift();
    this.#changes = next;
    if (changes.length > 0 || kind !== "reload") this.#version++;
    await prepared.commit();
    this.#latest = { isApplied: true, atMs: this.#deps.wallNow() };
    if (kind !== "reload") saveChanges(this.#deps.store, persistent(next));
    this.#tell(request, changes, restartRequired);
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

  #tell(request: Request, changes: readonly Change[], restartRequired: readonly string[]): void {
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
    audit.add({ at: new Date(wallNow()).toISOString(), actor, action, target, changes, persist });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

const MAX_SHOWN = 300;

function inShort(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

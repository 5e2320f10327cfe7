import { activePhase, closedTag, type Migration } from "../../../core/migration/migration.ts";
import {
  CLOSED_GROUP,
  FROM_GROUP,
  type MigrationGroup,
  NO_GROUP,
  TO_GROUP,
} from "../../../core/table/backend/migration-split.ts";
import type { FieldError } from "../../../core/wire/problem.ts";
import type { Member } from "./group-windows.ts";

/** A backend with the groups that it is in. */
export interface Tagged extends Member {
  readonly clientId: string;
  readonly tags: readonly string[];
}

/** The part that each group of backends has, as the migrations so far have left it. */
export class Groups {
  readonly #active: Migration | null;
  readonly #closed: ReadonlySet<string>;

  constructor(migrations: readonly Migration[]) {
    this.#active = migrations.find((each) => activePhase(each) !== null) ?? null;
    this.#closed = new Set(migrations.flatMap((each) => closedTag(each) ?? []));
  }

  /** The part of a backend with these tags. One that was given both tags later counts as the old group's. */
  of(tags: readonly string[]): MigrationGroup {
    if (this.#active !== null && tags.includes(this.#active.from)) return FROM_GROUP;
    if (this.#active !== null && tags.includes(this.#active.to)) return TO_GROUP;
    return tags.some((tag) => this.#closed.has(tag)) ? CLOSED_GROUP : NO_GROUP;
  }
}

/** Backends of a group. */
export function tagged(backends: readonly Tagged[], tag: string): Tagged[] {
  return backends.filter(({ tags }) => tags.includes(tag));
}

/** Says why no migration can be made between two groups. */
export function groupFaults(backends: readonly Tagged[], from: string, to: string): FieldError[] {
  if (from === to) return [{ field: "to", rule: "must be another tag than from", got: to }];
  const rule = "must be a tag of at least one backend (see tags of PATCH /backends/{id})";
  const empty = [["from", from] as const, ["to", to] as const]
    .filter(([, tag]) => tagged(backends, tag).length === 0)
    .map(([field, got]) => ({ field, rule, got }));
  if (empty.length > 0) return empty;
  const both = tagged(tagged(backends, from), to).map(({ clientId }) => clientId);
  if (both.length === 0) return [];
  const shown = both.slice(0, MAX_SHOWN).join(", ");
  return [{ field: "to", rule: `must share no backend with from, but both have ${shown}`, got: to }];
}

const MAX_SHOWN = 5;

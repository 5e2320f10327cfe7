/** What calls have changed at run time, on top of what the file, the environment and the flags say. */
import { type Static, Type } from "@sinclair/typebox";
import { fitsSchema } from "../../schema/check.ts";
import { ClientId } from "../../wire/registration.ts";
import { backendIdOf } from "../checks/backend-checks.ts";
import {
  BACKEND_KEYS,
  BACKEND_TERMS,
  type BackendConfig,
  BackendSchema,
  type BackendTerms,
} from "../schema/backend-schema.ts";

/**
 * Who changed something, when (milliseconds since the epoch), and whether it outlives a restart. `local`: a caller on
 * this host did, who may send requests to what listens on its loopback addresses.
 */
const ORIGIN = {
  persist: Type.Boolean(),
  by: Type.String({ maxLength: 256 }),
  at: Type.Number(),
  local: Type.Optional(Type.Boolean()),
};

const TermsSchema = Type.Object(BACKEND_TERMS, { additionalProperties: false });

/** Also what the database keeps of it. */
export const RuntimeChangesSchema = Type.Object({
  keys: Type.Array(Type.Object({ key: Type.String(), value: Type.Unknown(), ...ORIGIN })),
  added: Type.Array(Type.Object({ id: ClientId, entry: BackendSchema, ...ORIGIN })),
  removed: Type.Array(Type.Object({ id: ClientId, ...ORIGIN })),
  /** Of backends of the configuration, and of those with an agent. */
  terms: Type.Array(Type.Object({ id: ClientId, terms: TermsSchema, ...ORIGIN })),
});

export type RuntimeChanges = Readonly<Static<typeof RuntimeChangesSchema>>;
export type Origin = Readonly<Pick<RuntimeChanges["keys"][number], "persist" | "by" | "at" | "local">>;

export const NO_CHANGES: RuntimeChanges = { keys: [], added: [], removed: [], terms: [] };

/** Sets keys, and takes changes of others back: with `backends`, also all that was said of single ones. */
export function withKeys(
  changes: RuntimeChanges,
  set: Readonly<Record<string, unknown>>,
  unset: readonly string[],
  origin: Origin,
): RuntimeChanges {
  const touched = new Set([...Object.keys(set), ...unset]);
  const rest = changes.keys.filter(({ key }) => !touched.has(key));
  const kept = unset.includes("backends")
    ? { ...changes, ...NO_SINGLE_ONES }
    : underList(changes, set.backends);
  const fresh = Object.entries(set).map(([key, value]) => ({ key, value, ...origin }));
  return { ...kept, keys: [...rest, ...fresh] };
}

const NO_SINGLE_ONES = { added: [], removed: [], terms: [] };

/** A whole list that is set later than single backends were changed has the last word on those that it names. */
function underList(changes: RuntimeChanges, list: unknown): RuntimeChanges {
  if (!fitsSchema(BACKEND_KEYS.backends, list)) return changes;
  const ids = new Set(list.map(backendIdOf));
  const isOther = ({ id }: { readonly id: string }): boolean => !ids.has(id);
  const { added, removed, terms } = changes;
  return {
    ...changes,
    added: added.filter(isOther),
    removed: removed.filter(isOther),
    terms: terms.filter(isOther),
  };
}

/** Tells whether the same was changed, whoever did it and when. */
export function isSameChange(a: RuntimeChanges, b: RuntimeChanges): boolean {
  const what = ({ keys, added, removed, terms }: RuntimeChanges): string =>
    [
      ...keys.map(({ key, value, persist }) => JSON.stringify([key, value, persist])),
      ...added.map(({ entry, persist }) => JSON.stringify([entry, persist])),
      ...removed.map(({ id, persist }) => JSON.stringify([id, persist])),
      ...terms.map((each) => JSON.stringify([each.id, each.terms, each.persist])),
    ]
      .toSorted()
      .join("\n");
  return what(a) === what(b);
}

/** Adds a backend, or puts it in place of the one that a call added under its id. */
export function withBackend(changes: RuntimeChanges, entry: BackendConfig, origin: Origin): RuntimeChanges {
  const id = backendIdOf(entry);
  const added = changes.added.filter((each) => each.id !== id);
  const removed = changes.removed.filter((each) => each.id !== id);
  return { ...changes, added: [...added, { id, entry, ...origin }], removed };
}

/** Takes a backend out: one that a call added, or one of the configuration (`isListed`). */
export function withoutBackend(
  changes: RuntimeChanges,
  id: string,
  isListed: boolean,
  origin: Origin,
): RuntimeChanges {
  const isOther = (each: { readonly id: string }): boolean => each.id !== id;
  const removed = changes.removed.filter(isOther);
  return {
    ...changes,
    added: changes.added.filter(isOther),
    terms: changes.terms.filter(isOther),
    removed: isListed ? [...removed, { id, ...origin }] : removed,
  };
}

/** Says more of a backend: terms that are not given stay. */
export function withTerms(
  changes: RuntimeChanges,
  id: string,
  terms: BackendTerms,
  origin: Origin,
): RuntimeChanges {
  const added = changes.added.find((each) => each.id === id);
  if (added !== undefined) {
    // Terms say nothing of where it is: that is still what the caller who added it said.
    const { persist, by, at } = origin;
    const { local = false } = added;
    return withBackend(changes, { ...added.entry, ...terms }, { persist, by, at, local });
  }
  const before = changes.terms.find((each) => each.id === id)?.terms ?? {};
  const rest = changes.terms.filter((each) => each.id !== id);
  return { ...changes, terms: [...rest, { id, terms: { ...before, ...terms }, ...origin }] };
}

/** Gives the list of backends that the changes make of the configuration's. */
export function changedBackends(
  listed: readonly BackendConfig[],
  { added, removed, terms }: RuntimeChanges,
): BackendConfig[] {
  const gone = new Set([...removed, ...added].map(({ id }) => id));
  const termsOf = new Map(terms.map((each) => [each.id, each.terms]));
  const kept = listed.filter((entry) => !gone.has(backendIdOf(entry)));
  return [
    ...kept.map((entry) => ({ ...entry, ...termsOf.get(backendIdOf(entry)) })),
    ...added.map(({ entry }) => entry),
  ];
}

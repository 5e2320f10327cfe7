/** Settings that are being changed but not yet applied. */
import { call } from "../api.ts";
import type { ConfigChange } from "../types.ts";
import { complain, tell } from "../ui/toast.tsx";
import { signal } from "./signal.ts";

/** New values by key; undefined for a key that goes back to what the file says. */
export type Draft = Readonly<Record<string, unknown>>;

export const draft = signal<Draft>({});

export function put(key: string, value: unknown, current: unknown): void {
  const { [key]: _old, ...rest } = draft.get();
  draft.set(JSON.stringify(value) === JSON.stringify(current) ? rest : { ...rest, [key]: value });
}

/** What the draft comes to; nothing is changed. */
export async function preview(edit: Draft, etag: string | null): Promise<ConfigChange> {
  const { value } = await call<ConfigChange>("/config?dry_run=true", {
    method: "PATCH",
    body: bodyOf(edit, true),
    ifMatch: etag,
  });
  return value;
}

export async function apply(edit: Draft, etag: string | null, persist: boolean): Promise<void> {
  const { value } = await call<ConfigChange>("/config", {
    method: "PATCH",
    body: bodyOf(edit, persist),
    ifMatch: etag,
  });
  draft.set({});
  const restart = value.restart_required.length > 0 ? " Part of it counts after a restart." : "";
  tell(
    `${value.changes.length === 1 ? "One setting has" : `${value.changes.length} settings have`} changed.${restart}`,
    () => {
      void undo(`"${value.version}"`);
    },
  );
}

/** Takes the last edit back; with `etag` only while nothing else has changed since. */
export async function undo(etag: string | null = null): Promise<void> {
  try {
    const { value } = await call<ConfigChange>("/config/undo", { method: "POST", ifMatch: etag });
    tell(`Taken back: ${value.changes.map(({ key }) => key).join(", ") || "the last change"}.`);
    undone.set(undone.get() + 1);
  } catch (error) {
    complain(error);
  }
}

/** Counts what was taken back, so that views ask anew. */
export const undone = signal(0);

function bodyOf(edit: Draft, persist: boolean) {
  const set = Object.fromEntries(Object.entries(edit).filter(([, value]) => value !== undefined));
  const unset = Object.keys(edit).filter((key) => edit[key] === undefined);
  return { set, unset, persist };
}

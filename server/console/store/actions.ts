/** What the console changes, each with the way back. */
import { call } from "../api.ts";
import type { Backend, Change, ConfigChange } from "../types.ts";
import { complain, tell } from "../ui/toast.tsx";
import { nameOf } from "../views/fleet/choose.ts";
import { undo as takeBack } from "./draft.ts";

/** What of a backend can be set. */
export interface BackendEdit {
  readonly id?: string;
  readonly url?: string;
  readonly endpoints?: Backend["endpoints"];
  readonly weight?: number;
  readonly max_connections?: number;
  readonly max_in_flight?: number;
  readonly backup?: boolean | string;
  readonly tags?: readonly string[];
  readonly location?: { readonly lat: number; readonly lon: number };
}

/** Does something, says what came of it, and gives whether it came off. */
async function attempt(work: () => Promise<unknown>, text: string, undo?: () => void): Promise<boolean> {
  try {
    await work();
    tell(text, undo);
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

export async function drain(backend: Backend): Promise<boolean> {
  return attempt(
    () => call(pathOf(backend, "/drain"), { method: "POST" }),
    `${nameOf(backend)} gets nothing new.`,
    () => void undrain(backend),
  );
}

export async function undrain(backend: Backend): Promise<boolean> {
  return attempt(
    () => call(pathOf(backend, "/undrain"), { method: "POST" }),
    `${nameOf(backend)} is in service again.`,
    () => void drain(backend),
  );
}

/** What adding or changing a backend would come to; throws what the server says against it. */
export async function previewEdit(
  backend: Backend | undefined,
  edit: BackendEdit,
): Promise<readonly Change[]> {
  return (await send(backend, edit, "?dry_run=true")).value.changes;
}

/** Adds a backend, or changes one; throws what the server says against it. */
export async function applyEdit(backend: Backend | undefined, edit: BackendEdit): Promise<void> {
  const { etag } = await send(backend, edit, "");
  const name = backend === undefined ? (edit.id ?? edit.url ?? "The backend") : nameOf(backend);
  tell(
    backend === undefined ? `${name} has been added.` : `${name} has been changed.`,
    () => void takeBack(etag),
  );
}

export async function removeBackend(backend: Backend): Promise<void> {
  try {
    const { etag } = await call(pathOf(backend), { method: "DELETE" });
    const back = backend.source === "agent" ? undefined : () => void takeBack(etag);
    tell(`${nameOf(backend)} has been removed.`, back);
  } catch (error) {
    complain(error);
  }
}

function send(backend: Backend | undefined, edit: BackendEdit, query: string) {
  return backend === undefined
    ? call<ConfigChange>(`/backends${query}`, { method: "POST", body: edit })
    : call<ConfigChange>(pathOf(backend, query), { method: "PATCH", body: edit });
}

function pathOf(backend: Backend, rest = ""): string {
  return `/backends/${encodeURIComponent(backend.id)}${rest}`;
}

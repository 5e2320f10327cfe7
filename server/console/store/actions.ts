/** What the console changes, each with the way back. */
import { call } from "../api.ts";
import type { Backend } from "../types.ts";
import { complain, tell } from "../ui/toast.tsx";
import { nameOf } from "../views/fleet/choose.ts";

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

export async function addBackend(edit: BackendEdit): Promise<boolean> {
  const added = await call<{ readonly id?: string }>("/backends", { method: "POST", body: edit });
  const id = added.value.id ?? edit.id ?? "";
  tell(`${id} has been added.`, () => {
    void attempt(() => call(`/backends/${encodeURIComponent(id)}`, { method: "DELETE" }), `${id} has been taken out again.`);
  });
  return true;
}

/** Sets what differs; throws what the server says against it. */
export async function changeBackend(backend: Backend, edit: BackendEdit): Promise<void> {
  const path = pathOf(backend);
  await call(path, { method: "PATCH", body: edit });
  const before = Object.fromEntries(Object.keys(edit).map((key) => [key, Reflect.get(backend, key) ?? null]));
  tell(`${nameOf(backend)} has been changed.`, () => {
    void attempt(() => call(path, { method: "PATCH", body: before }), `${nameOf(backend)} is as before.`);
  });
}

export async function removeBackend(backend: Backend): Promise<boolean> {
  const undo = backend.source === "agent" ? undefined : () => void attempt(() => addAgain(backend), `${backend.id} is back.`);
  return attempt(() => call(pathOf(backend), { method: "DELETE" }), `${nameOf(backend)} has been removed.`, undo);
}

function addAgain(backend: Backend): Promise<unknown> {
  const { id, endpoints, weight, max_connections, max_in_flight, backup, tags, location } = backend;
  const body = { id, endpoints, weight, max_connections, max_in_flight, backup, tags };
  return call("/backends", {
    method: "POST",
    body: location === null || location === undefined ? body : { ...body, location },
  });
}

function pathOf(backend: Backend, rest = ""): string {
  return `/backends/${encodeURIComponent(backend.id)}${rest}`;
}

/** Short news at the edge of the page, such as what went wrong, and a way to take something back. */

import { messageOf } from "../api.ts";
import { signal, useSignal } from "../store/signal.ts";
import { IconButton } from "./parts.tsx";

interface Toast {
  readonly id: number;
  readonly tone: "good" | "bad";
  readonly text: string;
  readonly undo?: () => void;
}

const SHOWN_MS = 8_000;
const MAX_TOASTS = 4;

const toasts = signal<readonly Toast[]>([]);
let lastId = 0;

/** Says that something has been done. */
export function tell(text: string, undo?: () => void): void {
  show({ id: ++lastId, tone: "good", text, ...(undo === undefined ? {} : { undo }) });
}

/** Says that something has failed, and why. */
export function complain(error: unknown): void {
  show({ id: ++lastId, tone: "bad", text: messageOf(error) });
}

export function Toasts() {
  const shown = useSignal(toasts);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <div key={toast.id} class={`toast ${toast.tone}`}>
          <p>{toast.text}</p>
          {toast.undo === undefined ? null : (
            <button
              type="button"
              class="button quiet"
              onClick={() => {
                drop(toast.id);
                toast.undo?.();
              }}
            >
              Undo
            </button>
          )}
          <IconButton icon="close" label="Dismiss" onClick={() => drop(toast.id)} />
        </div>
      ))}
    </div>
  );
}

function show(toast: Toast): void {
  toasts.set([...toasts.get(), toast].slice(-MAX_TOASTS));
  setTimeout(() => drop(toast.id), toast.tone === "bad" ? 2 * SHOWN_MS : SHOWN_MS);
}

function drop(id: number): void {
  toasts.set(toasts.get().filter((toast) => toast.id !== id));
}

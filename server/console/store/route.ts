/** Which view is shown: the part of the address behind "#/". */
import { signal } from "./signal.ts";

export const VIEWS = [
  "fleet",
  "traffic",
  "decisions",
  "queue",
  "migrations",
  "cache",
  "settings",
  "log",
  "audit",
] as const;

export type View = (typeof VIEWS)[number];

export const view = signal<View>(viewIn(location.hash));

addEventListener("hashchange", () => view.set(viewIn(location.hash)));

export function goTo(to: View): void {
  location.hash = `#/${to}`;
}

function viewIn(hash: string): View {
  const name = hash.replace(/^#\/?/, "");
  return VIEWS.find((each) => each === name) ?? "fleet";
}

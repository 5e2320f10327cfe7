/** The console's entry: shows it and begins to listen. */
import { render } from "preact";
import { request } from "./api.ts";
import { App } from "./app.tsx";
import { startLive } from "./store/live.ts";
import { applyTheme, themeNow } from "./store/prefs.ts";
import { who } from "./store/state.ts";
import type { Who } from "./types.ts";

/** Somebody who uses the page keeps the log-in alive, at most one call a minute. */
const PRESENCE_MS = 60_000;

applyTheme(themeNow());
const root = document.getElementById("app");
if (root !== null) {
  root.replaceChildren();
  render(<App />, root);
}
void askWho();
startLive();

let presentAt = Date.now();
for (const event of ["pointerdown", "keydown"]) {
  document.addEventListener(event, () => {
    if (Date.now() - presentAt < PRESENCE_MS) return;
    presentAt = Date.now();
    void askWho();
  });
}

async function askWho(): Promise<void> {
  try {
    who.set((await request<Who>("/console/session")).value);
  } catch {
    // That the log-in has ended is shown by the page; anything else by the live connection.
  }
}

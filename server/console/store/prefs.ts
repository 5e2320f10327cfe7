/** What this browser remembers of how its user likes the console. */

const PREFIX = "opsen.";

export function recall(name: string, otherwise: string): string {
  try {
    return localStorage.getItem(PREFIX + name) ?? otherwise;
  } catch {
    // Storage may be forbidden; the page works without.
    return otherwise;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // As above.
  }
}

export type Theme = "auto" | "light" | "dark";

export function themeNow(): Theme {
  const theme = recall("theme", "auto");
  return theme === "light" || theme === "dark" ? theme : "auto";
}

export function setTheme(theme: Theme): void {
  remember("theme", theme);
  applyTheme(theme);
}

/** Shows a theme; "auto" is what the system says. */
export function applyTheme(theme: Theme): void {
  const root = document.documentElement;
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  document.dispatchEvent(new Event("opsen-theme"));
}

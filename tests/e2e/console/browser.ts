/** A real Chromium for tests of the console, where the machine has one. */
import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { eventually } from "../../support/eventually.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Path of the browser; null when there is none. `OPSEN_CHROMIUM` names another one. */
export const CHROMIUM: string | null = findChromium();

/** Said once where tests in a browser are left out. */
export const SKIPPED = `SKIPPED: no Chromium on this machine, so the console is not tried in a browser (apt-get install chromium, or set OPSEN_CHROMIUM)`;

export async function launch(): Promise<Browser> {
  if (CHROMIUM === null) throw new Error(SKIPPED);
  // Containers mostly run as root and have little shared memory; the page is our own.
  const args = ["--no-sandbox", "--disable-dev-shm-usage", "--font-render-hinting=none"];
  return chromium.launch({ executablePath: CHROMIUM, args });
}

export interface Visit {
  readonly page: Page;
  /** Violations of the policy and errors of scripts, as the browser's console and pages tell. */
  readonly faults: string[];
}

/** Opens a page whose faults are kept. */
export async function visit(context: BrowserContext): Promise<Visit> {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    // A call that is refused is shown by the page; the browser notes its status as well.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      faults.push(message.text());
    }
  });
  return { page, faults };
}

/** Logs in by the form. */
export async function logIn(page: Page, url: string, key: string): Promise<void> {
  await page.goto(`${url}/console`);
  await page.getByLabel("Management key").fill(key);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Fleet" }).waitFor();
}

/** Waits until the page shows live figures. */
export async function untilLive(page: Page): Promise<void> {
  await page.getByText("Live", { exact: true }).waitFor();
}

/** Waits until a look at the page gives true. */
export async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  await eventually(what, look);
}

function findChromium(): string | null {
  const named = process.env.OPSEN_CHROMIUM;
  if (named !== undefined && named !== "") return existsSync(named) ? named : null;
  for (const name of NAMES) {
    const path = Bun.which(name);
    if (path !== null) return path;
  }
  return null;
}

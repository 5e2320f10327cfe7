/** The console's files inside the executable, where `tools/build` has put them. Never loaded from sources. */
import consoleStyles from "#console/console.css" with { type: "file" };
import consolePage from "#console/console.html" with { type: "file" };
import consoleScript from "#console/console.js" with { type: "file" };
import icon from "#console/icon.svg" with { type: "file" };
import loginPage from "#console/login.html" with { type: "file" };
import type { Files } from "./bundle.ts";

/** Reads them. */
export async function embeddedFiles(): Promise<Files> {
  return {
    "console.js": await read(consoleScript),
    "console.css": await read(consoleStyles),
    "console.html": await read(consolePage),
    "login.html": await read(loginPage),
    "icon.svg": await read(icon),
  };
}

function read(path: string): Promise<string> {
  return Bun.file(path).text();
}

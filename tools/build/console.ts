/** Bundles the web console, whose files the server's executable then holds. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleConsole } from "../../server/control/console/bundle.ts";
import { repositoryRoot } from "../process.ts";

/** Writes the console's files to `console` below `dist`, where `package.json` says that they are. */
export async function buildConsole(dist: string): Promise<void> {
  const folder = join(dist, "console");
  mkdirSync(folder, { recursive: true });
  const files = await bundleConsole(join(repositoryRoot(), "server/console"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

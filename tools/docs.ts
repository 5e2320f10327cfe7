/**
 * `npm run docs`: writes docs/configuration.md from the schemas of the configuration files, and the table of
 * docs/monitoring.md from the catalogue of metrics. With `--check` it writes nothing and fails when a page differs.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { loadServerConfig } from "../core/config/load.ts";
import { configurationReference } from "../core/config/reference.ts";
import { withMetricsTable } from "../server/control/metrics/reference.ts";
import { repositoryRoot } from "./process.ts";

const defaults = loadServerConfig({ flags: {}, env: {}, readFile: () => "" });
if (!defaults.ok) throw new Error("the defaults of the configuration are invalid");
const { config } = defaults;

write("docs/configuration.md", () => configurationReference());
write("docs/monitoring.md", (present) => withMetricsTable(present, config));

function write(name: string, make: (present: string) => string): void {
  const file = join(repositoryRoot(), name);
  const present = existsSync(file) ? readFileSync(file, "utf8") : "";
  const wanted = make(present);
  if (present === wanted) {
    console.log(`${name} is up to date`);
  } else if (process.argv.includes("--check")) {
    console.error(`${name} does not match the code: run npm run docs`);
    process.exitCode = 1;
  } else {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, wanted);
    console.log(`${name} written`);
  }
}

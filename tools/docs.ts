/**
 * `npm run docs`: writes docs/configuration.md from the schemas of the configuration files. With `--check` it
 * writes nothing and fails when the file differs from what the schemas say.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { configurationReference } from "../core/config/reference.ts";
import { repositoryRoot } from "./process.ts";

const file = join(repositoryRoot(), "docs", "configuration.md");
const wanted = configurationReference();
const present = existsSync(file) ? readFileSync(file, "utf8") : "";

if (present === wanted) {
  console.log("docs/configuration.md is up to date");
} else if (process.argv.includes("--check")) {
  console.error("docs/configuration.md does not match the configuration schemas: run npm run docs");
  process.exit(1);
} else {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, wanted);
  console.log("docs/configuration.md written");
}

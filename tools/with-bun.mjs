// Runs a TypeScript tool of this repository with the pinned Bun, installing the pinned packages first when
// they are missing or older than the lock file. Plain Node and no dependency, so that it runs on a machine
// that has just npm.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Tells whether node_modules holds exactly what the lock file names (npm keeps its own record of both). */
function isInstalled() {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const present = JSON.parse(readFileSync(installed, "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === "" || entry.optional || present[path]?.version === entry.version,
  );
}

/** Finds the Bun executable inside the platform package, whose install script is not needed. */
function findBun() {
  const scope = join(root, "node_modules", "@oven");
  const file = process.platform === "win32" ? "bun.exe" : "bun";
  const musl = process.platform === "linux" && !process.report.getReport().header.glibcVersionRuntime;
  const names = existsSync(scope) ? readdirSync(scope) : [];
  const name = names.find(
    (each) => each.includes("musl") === musl && existsSync(join(scope, each, "bin", file)),
  );
  return name && join(scope, name, "bin", file);
}

if (!isInstalled() || !findBun()) {
  console.error("Installing the pinned packages ...");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const install = spawnSync(npm, ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  if (install.status !== 0) {
    console.error("The packages could not be installed; npm's message above says why.");
    process.exit(1);
  }
}

const bun = findBun();
if (!bun) {
  console.error(`No Bun build is published for ${process.platform} ${process.arch}.`);
  process.exit(1);
}
const child = spawn(bun, process.argv.slice(2), {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, OPSEN_BUN: bun },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));

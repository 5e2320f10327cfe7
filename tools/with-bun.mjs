// Runs a TypeScript tool of this repository with the pinned Bun, installing the pinned packages first when
// they are missing or differ from the lock file. Plain Node and no dependency, so that it runs on a machine
// that has just npm; with everything installed it needs no network.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const windows = process.platform === "win32";

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

/** Names the package that holds Bun for this platform. Its install script is not needed. */
function platformPackage() {
  const os = windows ? "windows" : process.platform;
  const arch = process.arch === "arm64" ? "aarch64" : process.arch;
  // Older npm versions install the packages of both C libraries, so the choice is made here.
  if (process.report) process.report.excludeNetwork = true;
  const musl = os === "linux" && !process.report?.getReport().header.glibcVersionRuntime;
  return `bun-${os}-${arch}${musl ? "-musl" : ""}`;
}

function findBun() {
  const file = join(root, "node_modules", "@oven", platformPackage(), "bin", windows ? "bun.exe" : "bun");
  return existsSync(file) ? file : null;
}

function install() {
  console.error("Installing the pinned packages ...");
  const options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const result = spawnSync(windows ? "npm.cmd" : "npm", options, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: windows,
  });
  if (result.status === 0) return;
  const reason = result.error
    ? `npm could not be run: ${result.error.message}`
    : "npm's message above says why";
  console.error(`The packages could not be installed (${reason}).`);
  process.exit(1);
}

if (!isInstalled() || !findBun()) install();
const bun = findBun();
if (!bun) {
  console.error(`No Bun is published for this platform (${platformPackage()}).`);
  process.exit(1);
}

// A process group of its own: Ctrl-C in a terminal reaches every process of the foreground group, and npm passes
// signals on besides, but the tool must get each of them once. Should this process be killed, Bun ends by itself
// and takes what it started with it.
const child = spawn(bun, ["--no-orphans", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
  detached: !windows,
});
child.on("error", (error) => {
  console.error(`${bun} could not be run: ${error.message}`);
  process.exit(1);
});

/** The same signal within this time, in milliseconds, is one event that came by two ways. */
const ONE_EVENT_MS = 200;
let last = { signal: "", at: 0 };
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    const now = performance.now();
    if (signal === last.signal && now - last.at < ONE_EVENT_MS) return;
    last = { signal, at: now };
    child.kill(signal);
  });
}

// npm passes a SIGTERM only to the shell that it put in between, which dies of it and leaves this process behind.
const parent = process.ppid;
const PARENT_CHECK_MS = 500;
if (process.env.npm_lifecycle_event) {
  setInterval(() => process.ppid !== parent && child.kill("SIGTERM"), PARENT_CHECK_MS).unref();
}
child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));

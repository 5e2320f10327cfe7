/**
 * `npm test`: everything that must hold before a change is taken. With `--static` only what needs no running
 * program; with the names of test files (or parts of them) only these. The last line is always
 * `N passed, N failed`, where each static check counts as one.
 */
import { main as build } from "./build.ts";
import { packageCommand, run } from "./process.ts";
import { add, type Counts, countsOf } from "./test/counts.ts";
import { architectureSuite, type Suite, suites } from "./test/suites.ts";

const TYPE_CHECK = [packageCommand("tsc"), "-p", "."];
const TYPE_CHECK_OF_CONSOLE = [packageCommand("tsc"), "-p", "server/console", "--noEmit"];
const FORMAT_AND_LINT = [packageCommand("biome"), "check", "--error-on-warnings", "."];
const LINT_WITH_TYPES = [packageCommand("oxlint"), "--type-aware", "--deny-warnings", "."];

const NONE: Counts = { passed: 0, failed: 0 };

/** Titles of the sections in which something failed. */
const red: string[] = [];

async function main(args: readonly string[]): Promise<number> {
  const filters = args.filter((each) => !each.startsWith("-"));
  const flags = args.filter((each) => each.startsWith("-") && each !== "--static");
  let counts = NONE;
  if (filters.length > 0 || flags.length > 0) {
    counts = await runTests({ title: "Chosen tests", files: filters, timeoutMs: 180_000 }, flags);
  } else {
    counts = await checks();
    if (!args.includes("--static")) counts = add(counts, await everySuite());
  }
  if (red.length > 0) console.log(`\nSomething failed in: ${red.join(", ")}`);
  console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 ? 0 : 1;
}

async function checks(): Promise<Counts> {
  let counts = await check("Format and lint", FORMAT_AND_LINT);
  counts = add(counts, await check("Lint with types", LINT_WITH_TYPES));
  counts = add(counts, await check("Types", TYPE_CHECK));
  counts = add(counts, await check("Types of the console", TYPE_CHECK_OF_CONSOLE));
  return add(counts, await runTests(architectureSuite()));
}

async function everySuite(): Promise<Counts> {
  title("Executables");
  // Contract and end-to-end tests drive what is shipped, so it is built first.
  let counts = verdict("Executables", (await build([])) === 0);
  for (const suite of suites()) counts = add(counts, await runTests(suite));
  return counts;
}

/** Runs a checker that speaks only when something is wrong. */
async function check(name: string, command: readonly string[]): Promise<Counts> {
  title(name);
  const { code, output } = await run(command);
  console.log(code === 0 ? "in order" : output.trim());
  return verdict(name, code === 0);
}

async function runTests(suite: Suite, flags: readonly string[] = []): Promise<Counts> {
  title(suite.title);
  const command = [process.execPath, "test", `--timeout=${suite.timeoutMs}`, ...flags, ...suite.files];
  const { code, output } = await run(command, { echo: true });
  const counts = countsOf(output, code);
  if (counts.failed > 0) red.push(suite.title);
  return counts;
}

function title(name: string): void {
  console.log(`\n== ${name}`);
}

function verdict(name: string, good: boolean): Counts {
  if (good) return { passed: 1, failed: 0 };
  red.push(name);
  return { passed: 0, failed: 1 };
}

process.exit(await main(process.argv.slice(2)));

/** The public tests for HTTP caches (github.com/http-tests/cache-tests), run from a folder that has them and their packages. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Json, record, records, string } from "../../support/json.ts";

/** One test of the suite: what must hold, what would be best, or a question about behaviour. */
export interface SuiteTest {
  readonly id: string;
  readonly name: string;
  readonly kind: "required" | "optimal" | "check";
  readonly group: string;
}

/** How a test came out; "pass" also for a question that was answered with yes. */
export interface Outcome extends SuiteTest {
  readonly passed: boolean;
  readonly reason: string;
}

const SERVER = "test-engine/server/server.mjs";
const CLIENT = "test-engine/cli.mjs";
/** Prints what tests there are; runs in the suite's own folder, in Node as the suite does. */
const LIST = `
const { default: groups } = await import(process.cwd() + "/tests/index.mjs");
const tests = groups.flatMap((group) => group.tests.filter((test) => test.browser_only !== true).map((test) => (
  { id: test.id, name: test.name, kind: test.kind ?? "required", group: group.id })));
console.log(JSON.stringify(tests));`;

export class Suite {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    for (const file of [SERVER, CLIENT, "tests/index.mjs"]) {
      if (!existsSync(join(folder, file)))
        throw new Error(`${folder} is no clone of cache-tests: it has no ${file}`);
    }
    if (!existsSync(join(folder, "node_modules/undici"))) {
      throw new Error(`the packages of cache-tests are missing: run "npm install" in ${folder}`);
    }
  }

  get version(): string {
    const found = record(JSON.parse(readFileSync(join(this.#folder, "package.json"), "utf8")) as unknown);
    return string(found.version);
  }

  async list(): Promise<SuiteTest[]> {
    const text = await this.#node(["--input-type=module", "-e", LIST], {});
    return records(JSON.parse(text) as unknown).map((test) => ({
      id: string(test.id),
      name: string(test.name),
      group: string(test.group),
      kind: kindOf(string(test.kind)),
    }));
  }

  /** Starts the origin of the suite on a port of this host. */
  startOrigin(port: number, pidFile: string): Disposable {
    const env = { npm_config_protocol: "http", npm_config_port: String(port), npm_config_pidfile: pidFile };
    const child = Bun.spawn(["node", SERVER], {
      cwd: this.#folder,
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "inherit"],
    });
    return { [Symbol.dispose]: () => child.kill() };
  }

  /** Runs all tests, or the one of that id, whose exchange is then printed. */
  async run(base: string, id: string): Promise<Json> {
    const text = await this.#node(["--no-warnings", CLIENT], {
      npm_config_base: base,
      npm_config_id: id,
      npm_package_config_id: id,
    });
    if (id !== "") {
      console.log(text);
      return {};
    }
    // What goes wrong with a single test is told before the results.
    return record(JSON.parse(text.slice(Math.max(0, text.search(/^\{$/m)))) as unknown);
  }

  async #node(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
    const child = Bun.spawn(["node", ...args], {
      cwd: this.#folder,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const text = await new Response(child.stdout).text();
    if ((await child.exited) !== 0) throw new Error(`node ${args[0]} failed in ${this.#folder}: ${text}`);
    return text;
  }
}

/** Puts tests and results together: a result is true, or the name of a failure and its words. */
export function outcomes(tests: readonly SuiteTest[], results: Json): Outcome[] {
  return tests.map((test) => {
    const result = results[test.id];
    const words = Array.isArray(result) ? result.filter((word) => typeof word === "string") : [];
    return { ...test, passed: result === true, reason: result === undefined ? "not run" : words.join(": ") };
  });
}

/** Lines that tell the score: all that passed, as the suite's results count them, and each kind. */
export function summary(all: readonly Outcome[]): string[] {
  const passed = (kind: string): string => {
    const ofKind = all.filter((each) => each.kind === kind);
    return `${ofKind.filter((each) => each.passed).length} of ${ofKind.length} ${kind}`;
  };
  return [
    `${all.filter((each) => each.passed).length} of ${all.length} pass`,
    `  ${["required", "optimal", "check"].map(passed).join(", ")}`,
  ];
}

function kindOf(text: string): SuiteTest["kind"] {
  if (text === "optimal" || text === "check") return text;
  return "required";
}

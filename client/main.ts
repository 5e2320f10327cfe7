/** The executable `opsen-client`: command line and configuration in, an agent running, an exit code out. */
import { readFileSync } from "node:fs";
import { parseFlags, usage } from "../core/cli/flags.ts";
import { CLIENT_PROGRAM } from "../core/cli/programs.ts";
import { loadClientConfig, renderConfigError } from "../core/config/load.ts";
import type { ClientConfig } from "../core/config/schema/client-schema.ts";
import { toLogLevel } from "../core/log/format.ts";
import packageJson from "../package.json" with { type: "json" };
import { Agent } from "./agent.ts";
import { Log, writeToStdout } from "./logger.ts";
import { systemScheduler } from "./scheduler.ts";

const EXIT_OK = 0;
const EXIT_BAD_CONFIG = 1;
const EXIT_BAD_USAGE = 2;

/** Runs the program with the arguments that follow its name; gives the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const flags = parseFlags(CLIENT_PROGRAM, argv);
  switch (flags.kind) {
    case "version":
      process.stdout.write(`${CLIENT_PROGRAM.name} ${packageJson.version}\n`);
      return EXIT_OK;
    case "help":
      process.stdout.write(usage(CLIENT_PROGRAM));
      return EXIT_OK;
    case "error":
      process.stderr.write(`${flags.message}\n${usage(CLIENT_PROGRAM)}`);
      return EXIT_BAD_USAGE;
    case "run":
      break;
  }
  const loaded = loadClientConfig({
    flags: flags.values,
    env: process.env,
    readFile: (path) => readFileSync(path, "utf8"),
  });
  if (!loaded.ok) {
    for (const error of loaded.errors) process.stderr.write(`${renderConfigError(error)}\n`);
    return EXIT_BAD_CONFIG;
  }
  if (flags.check) {
    process.stdout.write(`${loaded.source ?? "the configuration without a file"}: OK\n`);
    return EXIT_OK;
  }
  return await runAgent(loaded.config);
}

async function runAgent(config: ClientConfig): Promise<number> {
  const log = new Log({
    least: toLogLevel(config.log_level),
    json: config.json_logging,
    now: () => Date.now(),
    write: writeToStdout,
  });
  const scheduler = systemScheduler();
  const agent = new Agent({ config, env: process.env, log, scheduler, version: packageJson.version });
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals++;
    // The second one means now.
    if (signals > 1) process.exit(1);
    log.component("agent").info("stopping", { signal });
    agent.stop();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  return await agent.run();
}

// Leaving explicitly closes what idles, such as the kept-alive connection to the server.
process.exit(await main(process.argv.slice(2)));

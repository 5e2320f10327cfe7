/** The server's executable: argv, commands, signals, exit codes. */
import { readFileSync } from "node:fs";
import { parseFlags, usage } from "../core/cli/flags.ts";
import { SERVER_PROGRAM } from "../core/cli/programs.ts";
import { loadServerConfig, renderConfigError } from "../core/config/load.ts";
import type { ServerConfig } from "../core/config/schema/server-schema.ts";
import packageJson from "../package.json" with { type: "json" };
import type { RunningServer } from "./control/app.ts";
import type { Logger } from "./control/logging/logger.ts";
import type { LoadConfig } from "./control/settings/candidate.ts";
import { fileFaults } from "./control/startup/startup-files.ts";

/** Exit codes: 0 = done, 1 = the configuration or the start failed, 2 = wrong usage, 128 + n = second signal n. */
const EXIT_OK = 0;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;
/** A reader of the log that does not keep up holds the exit up no longer than this. */
const LOG_FLUSH_MS = 2_000;

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  // A first word that is no flag is a command; their code is no part of a server's start.
  if (argv[0] !== undefined && /^[^-]/.test(argv[0])) {
    const { runCommand } = await import("./cli/main.ts");
    return runCommand(argv, packageJson.version);
  }
  const flags = parseFlags(SERVER_PROGRAM, argv);
  switch (flags.kind) {
    case "help":
      process.stdout.write(usage(SERVER_PROGRAM));
      process.stdout.write(await commandsText());
      return EXIT_OK;
    case "version":
      process.stdout.write(`opsen-server ${packageJson.version}\n`);
      return EXIT_OK;
    case "error":
      process.stderr.write(`${flags.message}\n\n${usage(SERVER_PROGRAM)}`);
      return EXIT_USAGE;
    case "run":
      break;
  }
  const load: LoadConfig = (runtime) =>
    loadServerConfig({ flags: flags.values, env: process.env, readFile, fileFaults, runtime });
  const loaded = load(() => ({}));
  if (!loaded.ok) {
    for (const error of loaded.errors) process.stderr.write(`${renderConfigError(error)}\n`);
    return EXIT_FAILED;
  }
  if (flags.check) {
    process.stdout.write(`${loaded.source ?? "the defaults"}: the configuration is valid\n`);
    return EXIT_OK;
  }
  return run(loaded.config, loaded.source, load);
}

async function commandsText(): Promise<string> {
  const { commandList } = await import("../core/cli/command-help.ts");
  const { SERVER_COMMANDS } = await import("../core/cli/server-commands.ts");
  return `\nCommands, each with a --help of its own:\n${commandList(SERVER_COMMANDS).join("\n")}\n`;
}

/** Serves until a signal comes. */
async function run(config: ServerConfig, source: string | null, load: LoadConfig): Promise<number> {
  // Loaded only now: -version and -check need none of it.
  const { startServer } = await import("./control/app.ts");
  const { openLog } = await import("./control/logging/open-log.ts");
  const { StartError } = await import("./control/startup/start-error.ts");
  const opened = await openLog(config, complain).catch((error: unknown) => {
    if (error instanceof StartError) return error;
    throw error;
  });
  if (opened instanceof StartError) {
    complain(`cannot start: ${opened.message}`);
    return process.exit(EXIT_FAILED);
  }
  const { log } = opened;
  process.on("SIGUSR1", () => opened.reopen());
  const signalled = firstSignal(() => log.flushSync());
  // A limit on the size of files is a full disk, not the end (setrlimit(2), RLIMIT_FSIZE).
  process.on("SIGXFSZ", () => {});
  logMistakes(log.component("server"));
  // By default it ends the process, also one that is only starting.
  const { promise: started, resolve: onStarted } = Promise.withResolvers<RunningServer>();
  process.on("SIGHUP", () => void started.then((server) => server.reload("SIGHUP")));
  try {
    const server = await startServer(config, { version: packageJson.version, source, load, log });
    onStarted(server);
    await signalled;
    await server.stop();
    await log.flush(LOG_FLUSH_MS);
    return process.exit(EXIT_OK);
  } catch (error) {
    if (error instanceof StartError) log.fatal("server", `cannot start: ${error.message}`);
    await log.flush(LOG_FLUSH_MS);
    if (!(error instanceof StartError)) throw error;
    return process.exit(EXIT_FAILED);
  }
}

/** A mistake of ours in one call must not take the listeners down with it. */
function logMistakes(log: Logger): void {
  process.on("uncaughtException", (error) => log.error("uncaught exception", { stack: error.stack }));
  process.on("unhandledRejection", (reason) => {
    log.error("unhandled rejection", { stack: reason instanceof Error ? reason.stack : String(reason) });
  });
}

/** Says what the log cannot. */
function complain(line: string): void {
  process.stderr.write(`opsen-server: ${line}\n`);
}

function readFile(path: string): string {
  return readFileSync(path, "utf8");
}

/** Resolves at the first SIGTERM or SIGINT; the second ends the process at once. */
function firstSignal(beforeExit: () => void): Promise<void> {
  return new Promise((resolve) => {
    let isFirst = true;
    for (const [signal, exitCode] of Object.entries(SIGNALS)) {
      process.on(signal, () => {
        if (!isFirst) {
          beforeExit();
          process.exit(exitCode);
        }
        isFirst = false;
        resolve();
      });
    }
  });
}

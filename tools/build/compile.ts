/** Turns the sources of a program into one executable file. */
import { run } from "../process.ts";
import type { Target } from "./targets.ts";

export interface Program {
  readonly name: "opsen-server" | "opsen-client";
  /** The main file first, then the files that run as worker threads; paths from the root of the repository. */
  readonly entrypoints: readonly string[];
  /** Files of the repository that go into a release beside the executable, by their name there. */
  readonly extras: Readonly<Record<string, string>>;
}

export const PROGRAMS: readonly Program[] = [
  {
    name: "opsen-server",
    entrypoints: ["server/main.ts", "server/proxy/worker.ts"],
    extras: {
      LICENSE: "LICENSE",
      "server.example.yml": "deploy/server.yml",
      "opsen-server.service": "deploy/opsen-server.service",
    },
  },
  {
    name: "opsen-client",
    entrypoints: ["client/main.ts"],
    extras: {
      LICENSE: "LICENSE",
      "client.example.yml": "deploy/client.yml",
      "opsen-client.service": "deploy/opsen-client.service",
    },
  },
];

/**
 * Compiles a program for a target into `outfile`; throws with the compiler's output when it fails.
 * The executable must not read settings from the directory that it is started in: a `.env` or a `bunfig.toml`
 * there (whose `preload` runs code) is none of its business.
 */
export async function compile(program: Program, target: Target, outfile: string): Promise<void> {
  const { code, output } = await run([
    process.execPath,
    "build",
    "--compile",
    `--target=${target.compilerTarget}`,
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    "--minify",
    // Parsed ahead of time: the executable starts in half the time.
    "--bytecode",
    "--format=esm",
    // Entry points keep their paths inside the executable, where the supervisor looks for the worker's.
    "--root=.",
    ...program.entrypoints,
    `--outfile=${outfile}`,
  ]);
  if (code !== 0) throw new Error(`${program.name} for ${target.id} could not be built:\n${output.trim()}`);
}

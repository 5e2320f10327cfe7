/**
 * `npm run build`: the executables for this platform, in dist/. With `--all` for every platform; with `--release`
 * also the archives of a release and their checksums, in dist/release/.
 */
import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../core/log/message-of.ts";
import packageJson from "../package.json" with { type: "json" };
import { compile, PROGRAMS } from "./build/compile.ts";
import { buildConsole } from "./build/console.ts";
import { pack, writeChecksums } from "./build/release.ts";
import { hostTarget, TARGETS, type Target } from "./build/targets.ts";
import { repositoryRoot } from "./process.ts";

const USAGE = "Usage: npm run build -- [--all] [--release]";

/** Builds what the arguments ask for; gives the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((each) => each !== "--all" && each !== "--release");
  if (unknown !== undefined) {
    console.error(`Unknown argument ${JSON.stringify(unknown)}.\n${USAGE}`);
    return 2;
  }
  const host = hostTarget();
  const targets = args.includes("--all") ? TARGETS : host === null ? [] : [host];
  if (targets.length === 0) {
    console.error(`No executable is built for ${process.platform} ${process.arch}; --all builds the others.`);
    return 1;
  }
  try {
    await build(targets, { plainNames: !args.includes("--all"), release: args.includes("--release") });
    return 0;
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
}

async function build(
  targets: readonly Target[],
  options: { readonly plainNames: boolean; readonly release: boolean },
): Promise<void> {
  const dist = join(repositoryRoot(), "dist");
  const release = { tag: `v${packageJson.version}`, directory: join(dist, "release") };
  mkdirSync(dist, { recursive: true });
  if (options.release) rmSync(release.directory, { recursive: true, force: true });
  await buildConsole(dist);
  for (const target of targets) {
    await Promise.all(
      PROGRAMS.map(async (program) => {
        const file = `${program.name}${options.plainNames ? "" : `_${target.id}`}${target.suffix}`;
        const outfile = join(dist, file);
        await compile(program, target, outfile);
        console.log(`dist/${file}  ${megabytes(outfile)}`);
        if (options.release) console.log(`dist/release/${await pack(program, target, outfile, release)}`);
      }),
    );
  }
  if (!options.release) return;
  await writeChecksums(release.directory);
  console.log("dist/release/SHA256SUMS");
}

function megabytes(file: string): string {
  return `${(statSync(file).size / 1e6).toFixed(0)} MB`;
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));

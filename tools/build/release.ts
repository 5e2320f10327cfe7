/** Packs executables into the archives of a release, the same bytes for the same sources. */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot, run } from "../process.ts";
import type { Program } from "./compile.ts";
import type { Target } from "./targets.ts";

/** Packs one executable with its companions as `<program>_<tag>_<target>.tar.gz` in `directory`; gives its name. */
export async function pack(
  program: Program,
  target: Target,
  executable: string,
  release: { readonly tag: string; readonly directory: string },
): Promise<string> {
  const name = `${program.name}_${release.tag}_${target.id}.tar`;
  const staging = mkdtempSync(join(tmpdir(), "opsen-release-"));
  try {
    const file = program.name + target.suffix;
    const names = [file, ...Object.keys(program.extras)].toSorted();
    place(executable, join(staging, file), 0o755);
    for (const [as, from] of Object.entries(program.extras)) {
      place(join(repositoryRoot(), from), join(staging, as), 0o644);
    }
    mkdirSync(release.directory, { recursive: true });
    const archive = join(release.directory, name);
    const time = await sourceTime();
    await must(["tar", ...REPRODUCIBLE, `--mtime=@${time}`, "-cf", archive, "-C", staging, ...names]);
    await must(["gzip", "-n", "-f", archive]);
    return `${name}.gz`;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Writes `SHA256SUMS` over every archive in `directory`, in the format of sha256sum. */
export async function writeChecksums(directory: string): Promise<void> {
  const archives = readdirSync(directory)
    .filter((name) => name.endsWith(".tar.gz"))
    .toSorted();
  const lines: string[] = [];
  for (const name of archives) {
    const hash = new Bun.CryptoHasher("sha256");
    for await (const chunk of Bun.file(join(directory, name)).stream()) hash.update(chunk);
    lines.push(`${hash.digest("hex")}  ${name}\n`);
  }
  writeFileSync(join(directory, "SHA256SUMS"), lines.join(""));
}

/** GNU tar: nothing of the machine or the user gets into the archive. */
const REPRODUCIBLE = ["--format=ustar", "--owner=0", "--group=0", "--numeric-owner"];

function place(from: string, to: string, mode: number): void {
  copyFileSync(from, to);
  chmodSync(to, mode);
}

/** Gives the time that all files of an archive bear, in seconds since the epoch: that of the commit. */
async function sourceTime(): Promise<string> {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && /^\d+$/.test(given)) return given;
  const { code, output } = await run(["git", "log", "-1", "--format=%ct"]);
  return code === 0 ? output.trim() : "0";
}

async function must(command: readonly string[]): Promise<void> {
  const { code, output } = await run(command);
  if (code !== 0) throw new Error(`${command[0]} failed (GNU tar and gzip are needed):\n${output.trim()}`);
}

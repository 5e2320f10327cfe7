/** Which test files run together, in which order. */
import { relative, sep } from "node:path";
import { repositoryRoot } from "../process.ts";

export interface Suite {
  readonly title: string;
  /** Paths from the root of the repository, as `./tests/...`. */
  readonly files: readonly string[];
  /** Longest time that one test may take, in milliseconds; generous, as machines that run tests may be slow. */
  readonly timeoutMs: number;
}

interface Group {
  readonly title: string;
  readonly folders: readonly string[];
  readonly timeoutMs: number;
}

/** Each group is a process of its own; a folder that is named nowhere belongs to the first. */
const GROUPS: readonly Group[] = [
  { title: "Unit and property tests", folders: [], timeoutMs: 60_000 },
  { title: "Simulations and fuzzing", folders: ["sim", "fuzz"], timeoutMs: 180_000 },
  { title: "Packaging", folders: ["tools"], timeoutMs: 120_000 },
  { title: "Contract tests", folders: ["contract"], timeoutMs: 120_000 },
  { title: "End-to-end tests", folders: ["e2e"], timeoutMs: 180_000 },
];

/** Folders whose files are run by other means: architecture before all, benchmarks on demand. */
const APART = ["arch", "bench", "support"];

/** Gives the suites that have files, in the order in which they run. */
export function suites(): readonly Suite[] {
  const byFolder = Map.groupBy(testFiles(), folderOf);
  const claimed = new Set([...GROUPS.flatMap((group) => group.folders), ...APART]);
  return GROUPS.map((group) => {
    const folders =
      group.folders.length > 0 ? group.folders : [...byFolder.keys()].filter((each) => !claimed.has(each));
    return {
      title: group.title,
      files: folders.flatMap((folder) => byFolder.get(folder) ?? []),
      timeoutMs: group.timeoutMs,
    };
  }).filter((suite) => suite.files.length > 0);
}

/** Gives the files of the architecture suite. */
export function architectureSuite(): Suite {
  const files = testFiles().filter((file) => folderOf(file) === "arch");
  return { title: "Architecture", files, timeoutMs: 60_000 };
}

function testFiles(): readonly string[] {
  const root = repositoryRoot();
  const found = [...new Bun.Glob("tests/**/*.test.ts").scanSync({ cwd: root, absolute: true })];
  return found.map((file) => `./${relative(root, file).replaceAll(sep, "/")}`).toSorted();
}

function folderOf(file: string): string {
  return file.split("/")[2] ?? "";
}

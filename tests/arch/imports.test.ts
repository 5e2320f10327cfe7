import { expect, test } from "bun:test";
import { codeOnly, exists, importsOf, read, typescriptFiles } from "./source.ts";

/** Folder, and what it may import of this repository beside itself. */
const ARROWS: readonly (readonly [folder: string, mayImport: readonly string[]])[] = [
  ["core", []],
  ["client", ["core", "package.json"]],
  ["server/names", ["core"]],
  ["server/proxy", ["core", "server/names"]],
  ["server/control", ["core", "server/names", "package.json"]],
  ["server/console", ["core/wire"]],
  ["server/cli", ["core"]],
  ["server", ["core", "package.json"]],
  // The docs tell of every metric; the build bundles the console as a run of the sources does.
  ["tools", ["core", "server/control/metrics", "server/control/console/bundle.ts", "package.json"]],
];

const PACKAGES_OF_CORE = [
  "@sinclair/typebox",
  "@sinclair/typebox/value",
  "@sinclair/typebox/compiler",
  "yaml",
];

test.each(ARROWS)("%s imports only what the architecture allows", (folder, mayImport) => {
  const wrong = typescriptFiles(folder).flatMap((file) =>
    importsOf(file)
      .filter(({ file: target }) => target !== null && !isBelow(target, [folder, ...mayImport]))
      // The supervisor names the file of the worker thread, which it starts but does not call.
      .filter(({ file: target }) => !(folder === "server/control" && target === "server/proxy/worker.ts"))
      .map(({ specifier }) => `${file} imports ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

test("core imports no package but the schema and YAML libraries", () => {
  const wrong = typescriptFiles("core").flatMap((file) =>
    importsOf(file)
      .filter(({ specifier, file: target }) => target === null && !PACKAGES_OF_CORE.includes(specifier))
      .map(({ specifier }) => `${file} imports ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

test("core reads no clock, draws no chance, sets no timer and touches no process or socket", () => {
  const impure =
    /\bBun\.|\bprocess\.|\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bset(?:Timeout|Interval|Immediate)\b|\bperformance\.|\bfetch\(|\brandomUUID\b|\bgetRandomValues\b|\bconsole\./;
  const wrong = typescriptFiles("core").flatMap((file) =>
    codeOnly(read(file))
      .split("\n")
      .flatMap((line, index) => (impure.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
  expect(wrong).toEqual([]);
});

test("every relative import names a file that exists, with its ending", () => {
  const wrong = typescriptFiles("core", "client", "server", "tools", "tests").flatMap((file) =>
    importsOf(file)
      .filter(({ file: target }) => target !== null && !exists(target))
      .map(({ specifier }) => `${file} imports ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

test("no file needs itself to load, directly or by way of others", () => {
  const graph = new Map(
    typescriptFiles("core", "client", "server", "tools").map((file) => [
      file,
      importsOf(file).flatMap(({ file: target, typeOnly }) =>
        target !== null && /\.tsx?$/.test(target) && !typeOnly ? [target] : [],
      ),
    ]),
  );
  expect(findCycle(graph)).toBeNull();
});

test("a cycle would be found", () => {
  expect(findCycle(new Map(Object.entries({ a: ["b"], b: ["c"], c: ["b"] })))).toEqual(["b", "c", "b"]);
  expect(findCycle(new Map(Object.entries({ a: ["b", "c"], b: ["c"], c: [] })))).toBeNull();
});

function isBelow(file: string, folders: readonly string[]): boolean {
  return folders.some((folder) => file === folder || file.startsWith(`${folder}/`));
}

/** Gives the first cycle that a walk in depth meets, first file repeated at its end. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): readonly string[] | null {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): readonly string[] | null => {
    const at = path.indexOf(file);
    if (at >= 0) return [...path.slice(at), file];
    if (done.has(file)) return null;
    done.add(file);
    path.push(file);
    for (const target of graph.get(file) ?? []) {
      const cycle = visit(target);
      if (cycle !== null) return cycle;
    }
    path.pop();
    return null;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file);
    if (cycle !== null) return cycle;
  }
  return null;
}

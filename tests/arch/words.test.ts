import { expect, test } from "bun:test";
import { codeOnly, exists, filesBelow, read, typescriptFiles } from "./source.ts";

const FOLDERS = ["core", "client", "server", "tools", "tests"];

// The last letter stands in brackets so that this file does not hold what it forbids.
const UNFINISHED = /\b(?:TOD[O]|FIXM[E]|XX[X]|HAC[K])\b/;
const SUPPRESSED = /ts-ignor[e]|ts-nochec[k]|ts-expect-erro[r]|eslint-disabl[e]/;
const ELSEWHERE = /registry\.npmj[s]|npmmirro[r]|["'\s(]\/wor[k]\//;

test("nothing is left unfinished", () => {
  expect(matches(everyText(), UNFINISHED, (text) => text)).toEqual([]);
});

test("no checker is silenced", () => {
  expect(matches(typescriptFiles(...FOLDERS), SUPPRESSED, (text) => text)).toEqual([]);
});

test("nothing is typed any", () => {
  const untyped = /(?::|\bas|<|\|)\s*any\b|,\s*any\s*>/;
  expect(matches(typescriptFiles(...FOLDERS), untyped, codeOnly)).toEqual([]);
});

test("no test is singled out or left out", () => {
  const chosen = /\b(?:test|it|describe)(?:\.\w+)*\.(?:only|skip|todo|failing)\b/;
  expect(matches(typescriptFiles("tests"), chosen, codeOnly)).toEqual([]);
});

test("no file names a package registry or a path of one machine", () => {
  expect(matches(everyText(), ELSEWHERE, (text) => text)).toEqual([]);
});

/** Every text of the repository that people write. */
function everyText(): readonly string[] {
  const documents = ["README.md", "CHANGELOG.md", "install.sh", "package.json", ".npmrc", ".ci/run"].filter(
    exists,
  );
  const others = [".github", "deploy", "docs"].flatMap((folder) => filesBelow(folder, "**/*"));
  return [...typescriptFiles(...FOLDERS), "tools/with-bun.mjs", ...documents, ...others];
}

function matches(
  files: readonly string[],
  pattern: RegExp,
  view: (text: string) => string,
): readonly string[] {
  return files.flatMap((file) =>
    view(read(file))
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
}

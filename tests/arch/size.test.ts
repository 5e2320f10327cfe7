import { expect, test } from "bun:test";
import { read, typescriptFiles } from "./source.ts";

const SOURCES = ["core", "client", "server", "tools"];
const MAX_SOURCE_LINES = 350;
const MAX_TEST_LINES = 500;
const MAX_FUNCTION_LINES = 60;

test(`a source file has at most ${MAX_SOURCE_LINES} lines`, () => {
  expect(longerThan(typescriptFiles(...SOURCES), MAX_SOURCE_LINES)).toEqual([]);
});

test(`a test file has at most ${MAX_TEST_LINES} lines`, () => {
  expect(longerThan(typescriptFiles("tests"), MAX_TEST_LINES)).toEqual([]);
});

test(`a function has at most ${MAX_FUNCTION_LINES} lines`, () => {
  const long = typescriptFiles(...SOURCES).flatMap((file) =>
    functionsOf(read(file))
      .filter(({ lines }) => lines > MAX_FUNCTION_LINES)
      .map(({ name, lines }) => `${file}: ${name} has ${lines} lines`),
  );
  expect(long).toEqual([]);
});

test("functions and methods are measured from head to closing brace", () => {
  const code = [
    "export async function first(",
    "  a: number,",
    "): Promise<void> {",
    "  if (a) {",
    "  }",
    "}",
    "class C {",
    "  static #second({ a }: X): void {",
    "    return;",
    "  }",
    "}",
  ].join("\n");
  expect(functionsOf(code)).toEqual([
    { name: "first", lines: 6 },
    { name: "#second", lines: 3 },
  ]);
});

function longerThan(files: readonly string[], limit: number): readonly string[] {
  return files
    .map((file) => ({ file, lines: read(file).split("\n").length - 1 }))
    .filter(({ lines }) => lines > limit)
    .map(({ file, lines }) => `${file} has ${lines} lines`);
}

/**
 * Measures functions and methods by their indentation, which the formatter makes reliable: the end is the first
 * line that closes a brace at the depth of the head.
 */
function functionsOf(code: string): readonly { name: string; lines: number }[] {
  const head =
    /^(\s*)(?:export )?(?:default )?(?:(?:static|override|async|get|set|public|private) )*(?:function\*? )?(#?[A-Za-z_]\w*)(?:<[^()]*>)?\((?!.*\);$)/;
  const keyword = /^(?:if|for|while|switch|catch|return|super|await|new|throw|typeof|expect|test|describe)$/;
  const lines = code.split("\n");
  const found: { name: string; lines: number }[] = [];
  for (const [start, line] of lines.entries()) {
    const [, indent = "", name = ""] = head.exec(line) ?? [];
    if (name === "" || keyword.test(name)) continue;
    if (!line.endsWith("{") && !line.endsWith("(") && !line.endsWith("({")) continue;
    const closes = (each: string): boolean =>
      each.startsWith(`${indent}}`) && !each.endsWith("{") && each[indent.length] === "}";
    const end = lines.findIndex((each, index) => index > start && closes(each));
    // A call whose arguments were broken over lines ends in a parenthesis instead.
    if (end < 0 || !/^\s*}[,;]?$/.test(lines[end] ?? "")) continue;
    found.push({ name, lines: end - start + 1 });
  }
  return found;
}

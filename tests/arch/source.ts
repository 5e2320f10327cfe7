/** What the architecture tests know of the repository: its files, their imports, their code without comments. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

/** Gives the TypeScript files below the folders, as sorted paths from the root with forward slashes. */
export function typescriptFiles(...folders: readonly string[]): readonly string[] {
  return folders.flatMap((folder) => filesBelow(folder, "**/*.{ts,tsx}")).toSorted();
}

/** Gives the files below a folder that match a pattern, as paths from the root with forward slashes. */
export function filesBelow(folder: string, pattern: string): readonly string[] {
  const base = join(ROOT, folder);
  if (!existsSync(base)) return [];
  return [...new Bun.Glob(pattern).scanSync({ cwd: base, dot: true })].map(
    (each) => `${folder}/${each.replaceAll(sep, "/")}`,
  );
}

export function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

export function exists(path: string): boolean {
  return existsSync(join(ROOT, path));
}

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** It disappears when types are stripped. */
  readonly typeOnly: boolean;
  /** The path from the root that a relative one leads to, else null. */
  readonly file: string | null;
}

/** Gives everything that a file imports, types included, by whatever form. */
export function importsOf(path: string): readonly Import[] {
  const code = withoutComments(read(path));
  const forms = [
    /^(?:import|export) (?<type>type )?[^;"]*?\bfrom\s+"(?<specifier>[^"]+)"/gm,
    /\bimport\s*\(?\s*"(?<specifier>[^"]+)"/g,
    /\bnew URL\(\s*"(?<specifier>[^"]+\.ts)"/g,
  ];
  return forms.flatMap((form) =>
    [...code.matchAll(form)].map(({ groups }) => {
      const specifier = groups?.specifier ?? "";
      return { specifier, typeOnly: groups?.type !== undefined, file: resolve(path, specifier) };
    }),
  );
}

/** Blanks out comments and keeps everything else, line breaks included, in its place. */
export function withoutComments(code: string): string {
  // Strings and regular expressions come first in the alternation so that a // inside one is not a comment.
  const tokens =
    /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|(?<=[(,=:[!&|?{};\n]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return code.replace(tokens, (token) =>
    token.startsWith("//") || token.startsWith("/*") ? token.replaceAll(/[^\n]/g, " ") : token,
  );
}

/** Empties string literals too, for rules about code that words in a message must not trip. */
export function codeOnly(code: string): string {
  return withoutComments(code).replaceAll(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, '""');
}

function resolve(from: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) return null;
  return relative(ROOT, join(ROOT, dirname(from), specifier)).replaceAll(sep, "/");
}

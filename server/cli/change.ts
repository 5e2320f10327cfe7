/** Changes of a running server: how they are asked for, and how they are told. */
import type { ApiAnswer } from "./connection/api.ts";
import type { Context, Inputs } from "./context.ts";
import { EXIT } from "./failure.ts";
import { listOf, numberOf, record, textsOf } from "./json.ts";
import { changesText } from "./view/changes.ts";
import { cleanText } from "./view/clean.ts";

/** The path of a change, with the query that makes it a rehearsal when `--dry-run` is given. */
export function changePath(given: Inputs, path: string): string {
  return given.on("dry-run") ? `${path}?dry_run=true` : path;
}

/** The header that makes the server refuse a change when its version is no longer that of `--if-version`. */
export function versionHeaders(given: Inputs): Readonly<Record<string, string>> {
  const version = given.text("if-version");
  return version === null ? {} : { "If-Match": `"${version}"` };
}

/** Tells what has changed, or would; `unchanged` when nothing does. */
export function tellChange(
  { given, out, err }: Pick<Context, "given" | "out" | "err">,
  answer: ApiAnswer,
  unchanged: string,
): number {
  if (given.on("json")) {
    if (answer.text !== "") out(`${answer.text.trimEnd()}\n`);
    return EXIT.ok;
  }
  const outcome = record(answer.json);
  const changes = changesText(listOf(outcome, "changes"));
  for (const each of changes) out(`${cleanText(each)}\n`);
  if (changes.length === 0) out(`${unchanged}\n`);
  const version = numberOf(outcome, "version");
  if (given.on("dry-run")) out("nothing was changed (--dry-run)\n");
  else if (version !== null) out(`version ${version}\n`);
  const waiting = textsOf(outcome, "restart_required");
  if (waiting.length > 0) err(`in force only after a restart: ${cleanText(waiting.join(", "))}\n`);
  return EXIT.ok;
}

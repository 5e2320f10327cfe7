/** `opsen-server config get|set|unset|undo` and `reload`. */
import { parseDocument, stringify } from "yaml";
import { nearest } from "../../core/schema/suggest.ts";
import { changePath, tellChange, versionHeaders } from "./change.ts";
import { Api } from "./connection/api.ts";
import type { Context } from "./context.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import { type Json, numberOf, record, textOf } from "./json.ts";
import { cleanText, escapedJson } from "./view/clean.ts";

/** Prints the configuration in force as YAML; one key alone as its bare value. */
export async function configGet(context: Context): Promise<number> {
  const { given, out } = context;
  const answer = await Api.of(context).ask("GET", "/config");
  const config = record(record(answer.json).config);
  const unknown = given.args.find((key) => !Object.hasOwn(config, key));
  if (unknown !== undefined) {
    const near = nearest(unknown, Object.keys(config));
    const hint = near === null ? "" : `; did you mean ${near}?`;
    throw new CommandFailure(EXIT.failed, `there is no key ${JSON.stringify(unknown)}${hint}`);
  }
  const chosen = Object.fromEntries(given.args.map((key) => [key, config[key]]));
  if (given.on("json")) {
    out(given.args.length === 0 ? `${answer.text.trimEnd()}\n` : `${JSON.stringify(chosen)}\n`);
    return EXIT.ok;
  }
  const [only] = given.args;
  if (only !== undefined && given.args.length === 1) out(yaml(config[only]));
  else if (given.args.length > 1) out(yaml(chosen));
  else out(wholeConfig(record(answer.json), config));
  return EXIT.ok;
}

export async function configSet(context: Context): Promise<number> {
  const set: Record<string, unknown> = {};
  for (const each of context.given.args) {
    const at = each.indexOf("=");
    if (at <= 0) throw usage(`${JSON.stringify(each)} must be KEY=VALUE, such as log_level=debug`);
    set[each.slice(0, at)] = yamlValue(each.slice(at + 1), each);
  }
  return patch(context, { set });
}

export async function configUnset(context: Context): Promise<number> {
  return patch(context, { unset: [...context.given.args] });
}

export async function configUndo(context: Context): Promise<number> {
  return post(context, "/config/undo", "nothing differs from what is in force");
}

export async function reload(context: Context): Promise<number> {
  return post(context, "/config/reload", "the file says what is in force already");
}

async function post(context: Context, path: string, unchanged: string): Promise<number> {
  const { given } = context;
  const headers = versionHeaders(given);
  return tellChange(
    context,
    await Api.of(context).ask("POST", changePath(given, path), { headers }),
    unchanged,
  );
}

async function patch(context: Context, body: Json): Promise<number> {
  const { given } = context;
  const answer = await Api.of(context).ask("PATCH", changePath(given, "/config"), {
    body: { ...body, persist: !given.on("no-persist") },
    headers: versionHeaders(given),
  });
  return tellChange(context, answer, "nothing changes: that is in force already");
}

/** The file that would give this configuration, with what was set at run time said in comments. */
function wholeConfig(answer: Json, config: Json): string {
  const lines = [
    `# version ${numberOf(answer, "version") ?? "?"}, from ${textOf(answer, "source") ?? "no file"}`,
  ];
  for (const [key, value] of Object.entries(record(answer.overrides))) {
    const { by, at, persist } = record(value);
    const end = persist === false ? ", until the next restart" : "";
    lines.push(`# ${key} was set at run time by ${String(by)} at ${String(at)}${end}`);
  }
  return `${lines.map(cleanText).join("\n")}\n${yaml(config)}`;
}

function yamlValue(text: string, argument: string): unknown {
  const parsed = parseDocument(text, { prettyErrors: false, stringKeys: true });
  if (parsed.errors.length > 0) throw usage(`${JSON.stringify(argument)}: the value is not valid YAML`);
  const value: unknown = parsed.toJS({ maxAliasCount: 0 });
  return value ?? "";
}

function yaml(value: unknown): string {
  const text = stringify(value, { lineWidth: 0 });
  // YAML leaves some characters as they are that a terminal would act upon; JSON is YAML too.
  return escapedJson(text) === text ? text : escapedJson(`${JSON.stringify(value, null, 2)}\n`);
}

function usage(message: string): CommandFailure {
  return new CommandFailure(EXIT.usage, message);
}

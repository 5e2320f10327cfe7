/** `opsen-server backends add|set|remove`. */
import { Api } from "./connection/api.ts";
import { optionalHeaders } from "./connection/version.ts";
import type { Context, Inputs } from "./context.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import { record, textOf } from "./json.ts";
import { cleanText } from "./view/clean.ts";

export async function addBackend(context: Context): Promise<number> {
  const { given } = context;
  const id = given.args[0];
  const dns = given.text("dns");
  const urls = given.all("url");
  if ((dns === null) === (urls.length === 0)) throw usage("give either --url or --dns");
  const body = {
    ...(id !== undefined && { id }),
    ...(dns !== null && { dns }),
    ...edits(given),
  };
  return finish(context, "POST", "/backends", body, (name) => `added ${name}`);
}

export async function changeBackend(context: Context): Promise<number> {
  const body = edits(context.given);
  const { persist: _, ...changes } = body;
  if (Object.keys(changes).length === 0) throw usage("nothing to change: name at least one flag");
  const path = pathOf(context.given);
  return finish(context, "PATCH", path, body, (name) => `changed ${name}`);
}

export async function removeBackend(context: Context): Promise<number> {
  const { given } = context;
  const body = given.on("no-persist") ? { persist: false } : undefined;
  return finish(context, "DELETE", pathOf(given), body, (name) => `removed ${name}`);
}

async function finish(
  context: Context,
  method: string,
  path: string,
  body: unknown,
  said: (name: string) => string,
): Promise<number> {
  const { given, out } = context;
  const answer = await Api.of(context).ask(method, path, {
    ...(body !== undefined && { body }),
    headers: optionalHeaders(given),
  });
  if (given.on("json")) {
    if (answer.text !== "") out(`${answer.text.trimEnd()}\n`);
    return EXIT.ok;
  }
  const name = textOf(record(answer.json), "id") ?? given.args[0] ?? "the backend";
  const warning = textOf(record(answer.json), "warning");
  out(`${said(cleanText(name))}${warning === null ? "" : `; ${cleanText(warning)}`}\n`);
  return EXIT.ok;
}

/** The fields that the flags set; a flag that is absent leaves its field alone. */
function edits(given: Inputs): Readonly<Record<string, unknown>> {
  const lat = given.number("lat");
  const lon = given.number("lon");
  if ((lat === null) !== (lon === null)) throw usage("--lat and --lon belong together");
  const endpoints = given.all("url").map(endpointOf);
  const fields = {
    endpoints: endpoints.length === 0 ? null : endpoints,
    weight: given.number("weight"),
    max_connections: given.number("max-connections"),
    max_in_flight: given.number("max-in-flight"),
    backup: backupOf(given.text("backup")),
    tags: given.all("tag").length === 0 ? null : given.all("tag"),
    location: lat === null ? null : { lat, lon },
    persist: given.on("no-persist") ? false : null,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

/** `http://10.0.0.5:8000 /api,/v1/*`: a URL, and the path patterns that it serves. */
function endpointOf(text: string): { readonly url: string; readonly paths: readonly string[] } {
  const [url = "", patterns = ""] = text.trim().split(/\s+/, 2);
  return { url, paths: patterns.split(",").filter((each) => each !== "") };
}

function backupOf(text: string | null): string | boolean | null {
  return text === "true" ? true : text === "false" ? false : text;
}

function pathOf({ args }: Inputs): string {
  return `/backends/${encodeURIComponent(args[0] ?? "")}`;
}

function usage(message: string): CommandFailure {
  return new CommandFailure(EXIT.usage, message);
}

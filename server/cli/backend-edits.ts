/** `opsen-server backends add|set|remove`. */
import { changePath, tellChange, versionHeaders } from "./change.ts";
import { Api } from "./connection/api.ts";
import type { Context, Inputs } from "./context.ts";
import { CommandFailure, EXIT } from "./failure.ts";

type Fields = Readonly<Record<string, unknown>>;

export async function addBackend(context: Context): Promise<number> {
  const { given } = context;
  const dns = given.text("dns");
  const urls = given.all("url");
  if ((dns === null) === (urls.length === 0)) throw usage("give either --url or --dns");
  const body = present({
    id: given.args[0] ?? null,
    dns,
    endpoints: urls.length === 0 ? null : urls.map(endpointOf),
    hostname: given.text("hostname"),
    ...terms(given),
    location: locationOf(given),
    resources: resourcesOf(given),
    persist: given.on("no-persist") ? false : null,
  });
  return change(context, "POST", "/backends", body, "it is there already");
}

export async function changeBackend(context: Context): Promise<number> {
  const { given } = context;
  const changes = present(terms(given));
  if (Object.keys(changes).length === 0) throw usage("nothing to change: name at least one flag");
  const body = { ...changes, ...(given.on("no-persist") && { persist: false }) };
  return change(context, "PATCH", pathOf(given), body, "nothing changes: that is in force already");
}

export async function removeBackend(context: Context): Promise<number> {
  const id = context.given.args[0] ?? "";
  return change(context, "DELETE", pathOf(context.given), undefined, `${id} is removed`);
}

async function change(
  context: Context,
  method: string,
  path: string,
  body: Fields | undefined,
  unchanged: string,
): Promise<number> {
  const { given } = context;
  const answer = await Api.of(context).ask(method, changePath(given, path), {
    ...(body !== undefined && { body }),
    headers: versionHeaders(given),
  });
  return tellChange(context, answer, unchanged);
}

/** What operators may say of any backend; null for what no flag names. */
function terms(given: Inputs): Fields {
  const backup = given.text("backup");
  const tags = given.all("tag");
  return {
    weight: given.number("weight"),
    max_connections: given.number("max-connections"),
    max_in_flight: given.number("max-in-flight"),
    backup: backup === "true" ? true : backup === "false" ? false : backup,
    // A tag that is empty stands for none at all.
    tags: tags.length === 0 ? null : tags.filter((each) => each !== ""),
  };
}

function locationOf(given: Inputs): Fields | null {
  const [lat, lon] = [given.number("lat"), given.number("lon")];
  if ((lat === null) !== (lon === null)) throw usage("--lat and --lon belong together");
  return lat === null ? null : { lat, lon };
}

function resourcesOf(given: Inputs): Fields | null {
  const names = ["vcpu", "memory_gb", "storage_gb", "gpu", "gpu_memory_gb"];
  const entries = names.map((name) => [name, given.number(name.replaceAll("_", "-"))] as const);
  const named = present(Object.fromEntries(entries));
  return Object.keys(named).length === 0 ? null : named;
}

/** `http://10.0.0.5:8000 /api,/v1/*`: a URL, and the path patterns that it serves. */
function endpointOf(text: string): { readonly url: string; readonly paths: readonly string[] } {
  const [url = "", patterns = ""] = text.trim().split(/\s+/, 2);
  return { url, paths: patterns.split(",").filter((each) => each !== "") };
}

function present(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

function pathOf({ args }: Inputs): string {
  return `/backends/${encodeURIComponent(args[0] ?? "")}`;
}

function usage(message: string): CommandFailure {
  return new CommandFailure(EXIT.usage, message);
}

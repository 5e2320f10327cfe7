/** `opsen-server geoip`: the database of places, downloaded or brought up to date. */
import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { GEOIP_URL, GEOIP_URL_ENV } from "../../../core/cli/offline-commands.ts";
import { messageOf } from "../../../core/log/message-of.ts";
import { namedConfig } from "../connection/server-config.ts";
import type { Context } from "../context.ts";
import { CommandFailure, EXIT } from "../failure.ts";
import { bytes } from "../view/figures.ts";
import { download } from "./download.ts";
import { unpack } from "./unpack.ts";
import { type DatabaseFacts, inspect } from "./verify.ts";

const DEFAULT_FILE = "GeoLite2-City.mmdb";
const DEFAULT_TIMEOUT_SECONDS = 600;
const EXIT_INTERRUPTED = 130;

export async function geoip(context: Context): Promise<number> {
  const { given, out } = context;
  const target = resolve(given.args[0] ?? (namedConfig(context)?.geoip_db_path || DEFAULT_FILE));
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  const aside = `${target}.${process.pid}.part`;
  try {
    await mkdir(dirname(target), { recursive: true });
    const fetched = await fetchInto(context, target, aside, interrupted.signal);
    if (fetched === "unchanged") {
      const said = given.on("json")
        ? JSON.stringify({ file: target, changed: false })
        : `${target} is up to date`;
      out(`${said}\n`);
      return EXIT.ok;
    }
    const facts = await putInPlace(fetched.path, aside, target, fetched.modified);
    const report = { file: target, changed: true, ...facts };
    out(`${given.on("json") ? JSON.stringify(report) : saidOf(target, facts)}\n`);
    return EXIT.ok;
  } catch (error) {
    if (interrupted.signal.aborted) return EXIT_INTERRUPTED;
    if (error instanceof CommandFailure) throw error;
    const why = messageOf(error);
    throw new CommandFailure(EXIT.failed, `cannot bring ${target} up to date: ${why}`);
  } finally {
    await rm(aside, { force: true });
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

type Fetched = "unchanged" | { readonly path: string; readonly modified: Date | null };

/** Gets the file, from the network to `aside` or from where `--from-file` says, and holds it against the checksum. */
async function fetchInto(
  { given, env }: Context,
  target: string,
  aside: string,
  signal: AbortSignal,
): Promise<Fetched> {
  const sum = checksumOf(given.text("sha256"));
  const local = given.text("from-file");
  if (local !== null) {
    await holdAgainst(sum, local);
    return { path: local, modified: (await stat(local)).mtime };
  }
  const outcome = await download({
    url: checkedUrl(given.text("url") ?? (env[GEOIP_URL_ENV] || GEOIP_URL), "--url"),
    path: aside,
    proxy: given.text("proxy") === null ? null : checkedUrl(given.text("proxy") ?? "", "--proxy"),
    // A checksum asks for one file, whatever is there.
    since: given.on("force") || sum !== null ? null : await modifiedAt(target),
    timeoutMs: (given.number("timeout") ?? DEFAULT_TIMEOUT_SECONDS) * 1000,
    signal,
  });
  if (outcome.kind === "unchanged") return "unchanged";
  await holdAgainst(sum, aside);
  return { path: aside, modified: outcome.modified };
}

/** Unpacks, looks whether it is a database, and replaces the old one in one step. */
async function putInPlace(
  from: string,
  aside: string,
  target: string,
  modified: Date | null,
): Promise<DatabaseFacts> {
  const database = await unpack(await readFile(from));
  const facts = await inspect(database);
  await rm(aside, { force: true });
  const file = await open(aside, "wx", 0o644);
  try {
    await file.writeFile(database);
    await file.sync();
  } finally {
    await file.close();
  }
  // The next update asks for what is newer than this.
  if (modified !== null) await utimes(aside, modified, modified);
  await rename(aside, target);
  return facts;
}

function saidOf(target: string, { type, built, size, sha256 }: DatabaseFacts): string {
  return `${target}: ${type} of ${built}, ${bytes(size)}, SHA-256 ${sha256}`;
}

async function modifiedAt(path: string): Promise<Date | null> {
  try {
    return (await stat(path)).mtime;
  } catch {
    // It is not there yet.
    return null;
  }
}

function checksumOf(text: string | null): string | null {
  if (text === null) return null;
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  throw new CommandFailure(EXIT.usage, "--sha256 must be 64 hexadecimal digits");
}

async function holdAgainst(sum: string | null, path: string): Promise<void> {
  if (sum === null) return;
  const found = createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
  if (found === sum) return;
  throw new CommandFailure(
    EXIT.failed,
    `the checksum is wrong: expected ${sum}, got ${found}; nothing was replaced`,
  );
}

function checkedUrl(text: string, flag: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new CommandFailure(EXIT.usage, `${flag} must be an http:// or https:// URL`);
}

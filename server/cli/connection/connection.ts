/** Which server a command talks to, and with which key. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { API_KEY_ENV, SERVER_URL_ENV } from "../../../core/cli/server-commands.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { messageOf } from "../../../core/log/message-of.ts";
import { isKey, KEY_FILE_RULE, keyIn } from "../../../core/schema/key-text.ts";
import type { Context } from "../context.ts";
import { CommandFailure, EXIT } from "../failure.ts";
import { namedConfig } from "./server-config.ts";

const DEFAULT_URL = "http://127.0.0.1:8080";
const DEFAULT_TIMEOUT_SECONDS = 10;
/** Hosts that are this machine. */
export const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

export interface Connection {
  /** Without a slash at its end. */
  readonly url: string;
  readonly key: string | null;
  readonly timeoutMs: number;
  readonly tls: {
    readonly ca?: string[];
    readonly serverName?: string;
    readonly rejectUnauthorized?: false;
  };
}

/** Finds address and key: flags first, then the environment, then the configuration file. */
export function connectionOf(context: Context): Connection {
  const { given, env } = context;
  const config = namedConfig(context);
  const named = given.text("server") ?? (env[SERVER_URL_ENV] || null);
  const local = config === null ? null : addressOf(config);
  const url = named === null ? (local ?? DEFAULT_URL) : checkedUrl(named);
  const caFile = given.text("ca-file");
  const tls =
    caFile !== null
      ? { ca: [readText(caFile)] }
      : named === null && config !== null && url.startsWith("https:")
        ? ownCertificate(config.tls_cert_file)
        : {};
  return {
    url,
    key: keyOf(context, named === null || isMeant(context, url) ? config : null),
    timeoutMs: (given.number("timeout") ?? DEFAULT_TIMEOUT_SECONDS) * 1000,
    tls: given.on("insecure") ? { ...tls, rejectUnauthorized: false } : tls,
  };
}

/**
 * Whether the key of a configuration may go to a server that was named beside it: one on this machine, or where both stand
 * on the command line. What the environment names may be about another server, which must not learn the key.
 */
function isMeant({ given }: Context, url: string): boolean {
  const areBothGiven = given.text("server") !== null && given.text("config") !== null;
  return areBothGiven || LOOPBACK.test(new URL(url).hostname);
}

/** Where the server of this configuration takes management, seen from its own machine. */
function addressOf(config: ServerConfig): string {
  const hasAdminPort = config.admin_port !== 0;
  const host = hasAdminPort ? config.admin_host : config.host;
  const port = hasAdminPort ? config.admin_port : config.port;
  const scheme = config.tls_cert_file === "" ? "http" : "https";
  return `${scheme}://${reachableHost(host)}:${port}`;
}

/** An address to listen on that means all of them is reached by the loopback one. */
function reachableHost(host: string): string {
  if (host === "0.0.0.0" || host === "") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

function checkedUrl(text: string): string {
  const full = text.includes("://") ? text : `http://${text}`;
  const url = URL.canParse(full) && /^https?:\/\//i.test(full) ? new URL(full) : null;
  if (url === null || url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "") {
    const got = JSON.stringify(text.slice(0, 100));
    throw new CommandFailure(EXIT.usage, `the server must be an address such as ${DEFAULT_URL}, not ${got}`);
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/**
 * The server's own certificate vouches for the server of the same file, whoever has signed it, and is asked for by
 * a name that it holds: the address that is connected to is seldom one of them.
 */
function ownCertificate(file: string): Connection["tls"] {
  const pem = readText(file);
  const names = new X509Certificate(pem).subjectAltName?.match(/DNS:[^,\s]+/g) ?? [];
  const serverName = names[0]?.slice("DNS:".length).replace(/^\*/, "any");
  return { ca: [...rootCertificates, pem], ...(serverName !== undefined && { serverName }) };
}

function keyOf({ given, env, err }: Context, config: ServerConfig | null): string | null {
  const file = given.text("key-file");
  if (file !== null) return keyOfFile(file);
  const plain = given.text("key");
  if (plain !== null) {
    err("warning: a key on the command line can be seen by every user of this machine; use --key-file\n");
    return checkedKey(plain, "--key");
  }
  const fromEnvironment = env[API_KEY_ENV] ?? "";
  if (fromEnvironment !== "") return checkedKey(fromEnvironment, API_KEY_ENV);
  return config === null ? null : keyOfConfig(config);
}

/** The first key of the configuration that may do everything, else the first one at all. */
function keyOfConfig({
  server_key: key,
  server_key_file: file,
  api_keys: others,
}: ServerConfig): string | null {
  if (key !== "") return key;
  if (file !== "") return keyOfFile(file);
  const isAdmin = (each: (typeof others)[number]): boolean =>
    typeof each === "string" || each.scopes.includes("admin");
  const chosen = others.find(isAdmin) ?? others[0];
  if (chosen === undefined) return null;
  if (typeof chosen === "string") return chosen;
  return chosen.key === "" ? keyOfFile(chosen.key_file) : chosen.key;
}

function keyOfFile(file: string): string {
  const key = keyIn(readText(file));
  if (key === null) throw new CommandFailure(EXIT.failed, `${file} ${KEY_FILE_RULE}`);
  return key;
}

function checkedKey(key: string, origin: string): string {
  if (isKey(key)) return key;
  throw new CommandFailure(EXIT.usage, `${origin} must be printable ASCII without spaces at its ends`);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const why = messageOf(error);
    throw new CommandFailure(EXIT.failed, `cannot read ${file}: ${why}`);
  }
}

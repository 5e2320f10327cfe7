/**
 * Who this agent is: the client id and the token that proves it, kept in one small file. The file is replaced
 * whole (written aside, flushed, renamed), so that a crash at any moment leaves the old or the new one.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../core/log/message-of.ts";
import type { Logger } from "./logger.ts";

/** As the wire demands of an id (core/wire ClientId). */
const CLIENT_ID = /^[A-Za-z0-9._:@+~-]{1,128}$/;
/** A token is opaque; this keeps a damaged file from filling a header. */
const TOKEN = /^[\x21-\x7e]{1,512}$/;

export interface IdentityOptions {
  /** Null when nothing can be kept. */
  readonly directory: string | null;
  /** The id given by hand; empty = made once and kept. */
  readonly clientId: string;
  /** The endpoint URLs given by hand; agents with different ones on one host are different backends. */
  readonly endpoints: readonly string[];
  readonly log: Logger;
}

export class Identity {
  readonly clientId: string;
  readonly #path: string | null;
  readonly #log: Logger;
  #token: string | null;

  private constructor(path: string | null, stored: Stored, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.clientId = stored.clientId;
    this.#token = stored.token;
  }

  /** Reads the kept identity, or makes and keeps a new one. */
  static open(options: IdentityOptions): Identity {
    const { directory, log } = options;
    const path = directory === null ? null : join(directory, fileName(options));
    const kept = path === null ? null : read(path, log);
    const isOurs = kept !== null && (options.clientId === "" || kept.clientId === options.clientId);
    const fresh = { clientId: options.clientId === "" ? crypto.randomUUID() : options.clientId, token: null };
    const identity = new Identity(path, isOurs ? kept : fresh, log);
    if (!isOurs) identity.#keep();
    return identity;
  }

  /** What proves to the server that the id is ours; null before the first registration. */
  get token(): string | null {
    return this.#token;
  }

  /** Keeps the token of a registration; one that no header can carry counts as none. */
  setToken(token: string): void {
    const sound = TOKEN.test(token) ? token : null;
    if (sound === this.#token) return;
    this.#token = sound;
    this.#keep();
  }

  #keep(): void {
    if (this.#path === null) return;
    const content = { client_id: this.clientId, agent_token: this.#token };
    try {
      replaceFile(this.#path, `${JSON.stringify(content)}\n`);
    } catch (error) {
      this.#log.error("the identity cannot be kept and will change at the next start", {
        file: this.#path,
        reason: messageOf(error),
      });
    }
  }
}

interface Stored {
  readonly clientId: string;
  readonly token: string | null;
}

/** One file for each identity that may live on this host, so that agents side by side do not share one. */
function fileName({ clientId, endpoints }: IdentityOptions): string {
  const subject = clientId === "" ? endpoints.join("\n") : `id ${clientId}`;
  if (subject === "") return "agent.json";
  return `agent-${new Bun.CryptoHasher("sha256").update(subject).digest("hex").slice(0, 12)}.json`;
}

function read(path: string, log: Logger): Stored | null {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    log.warn("the kept identity cannot be read; a new one is made", { file: path, reason: String(error) });
    return null;
  }
  const stored = toStored(content);
  if (stored === null) log.warn("the kept identity is damaged; a new one is made", { file: path });
  return stored;
}

function toStored(content: unknown): Stored | null {
  if (typeof content !== "object" || content === null) return null;
  const clientId = "client_id" in content ? content.client_id : null;
  const token = "agent_token" in content ? content.agent_token : null;
  if (typeof clientId !== "string" || !CLIENT_ID.test(clientId)) return null;
  return { clientId, token: typeof token === "string" && TOKEN.test(token) ? token : null };
}

/** Replaces a file's content at once, readable by its owner only. */
function replaceFile(path: string, content: string): void {
  const aside = `${path}.tmp`;
  try {
    const fd = openSync(aside, "w", 0o600);
    try {
      writeSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}

/** Log-ins to the console: who has shown which key, for how long that counts, and the cookie that proves it. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { ApiKey, Scope } from "../../../core/plane/api-key.ts";
import { CONSOLE_COOKIE, CONSOLE_PATH } from "../../../core/plane/console-paths.ts";

/** What a log-in may do, by the key that it was made with. */
export interface Session {
  readonly id: string;
  /** Of the key. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Milliseconds of the clock by which everything ages. */
  readonly endsAtMs: number;
}

interface Entry {
  readonly keyHash: Buffer;
  readonly createdMs: number;
  usedMs: number;
}

export interface SessionOptions {
  readonly lifetimeMs: number;
  /** 0 = any time. */
  readonly idleMs: number;
  /** Keys that are accepted now: a log-in does not outlive its key. */
  readonly keys: () => readonly ApiKey[];
  readonly now: () => number;
}

/** More log-ins at one time end the one that was used least recently. */
const MAX_SESSIONS = 1_000;
const ID_BYTES = 18;

/** The log-ins of this run; they end with it. */
export class Sessions {
  readonly #options: SessionOptions;
  readonly #secret = randomBytes(32);
  /** By id, the least recently used first. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Finds the key that was shown; null for one that is not accepted. All are compared, also after a match. */
  keyOf(shown: string): ApiKey | null {
    const presented = sha256(shown);
    let found: ApiKey | null = null;
    for (const key of this.#options.keys()) {
      if (timingSafeEqual(sha256(key.key), presented)) found ??= key;
    }
    return found;
  }

  /** Begins a log-in; gives the value of its cookie. */
  begin(key: ApiKey): string {
    const id = randomBytes(ID_BYTES).toString("base64url");
    const nowMs = this.#options.now();
    if (this.#entries.size >= MAX_SESSIONS) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(id, { keyHash: sha256(key.key), createdMs: nowMs, usedMs: nowMs });
    return `${id}.${this.#sign(id)}`;
  }

  /** Finds the log-in of a request; null without one that still counts. `touches`: somebody is there. */
  find(cookies: string | null, touches: boolean): Session | null {
    const id = this.#verified(cookies);
    return id === null ? null : this.get(id, touches);
  }

  /** Looks a log-in up again, as for a connection that was opened with it. */
  get(id: string, touches: boolean): Session | null {
    const entry = this.#entries.get(id);
    if (entry === undefined) return null;
    const { lifetimeMs, idleMs, now, keys } = this.#options;
    const nowMs = now();
    const endsAtMs = Math.min(
      entry.createdMs + lifetimeMs,
      idleMs > 0 ? (touches ? nowMs : entry.usedMs) + idleMs : Infinity,
    );
    const isIdle = idleMs > 0 && nowMs - entry.usedMs >= idleMs;
    const key = keys().find((each) => timingSafeEqual(sha256(each.key), entry.keyHash));
    if (isIdle || nowMs >= endsAtMs || key === undefined) {
      this.#entries.delete(id);
      return null;
    }
    if (touches) {
      entry.usedMs = nowMs;
      this.#entries.delete(id);
      this.#entries.set(id, entry);
    }
    return { id, name: key.name, scopes: key.scopes, endsAtMs };
  }

  end(id: string): void {
    this.#entries.delete(id);
  }

  #verified(cookies: string | null): string | null {
    const value = cookies === null ? null : cookieValue(cookies);
    const dot = value?.indexOf(".") ?? -1;
    if (value === null || dot < 0) return null;
    const id = value.slice(0, dot);
    const shown = Buffer.from(value.slice(dot + 1));
    const right = Buffer.from(this.#sign(id));
    return shown.length === right.length && timingSafeEqual(shown, right) ? id : null;
  }

  #sign(id: string): string {
    return createHmac("sha256", this.#secret).update(id).digest("base64url");
  }
}

/** Writes Set-Cookie for a log-in, or with an empty value for its end. A page of another site never gets it sent. */
export function setCookie(
  value: string,
  options: { readonly secure: boolean; readonly maxAgeMs: number },
): string {
  const age = value === "" ? 0 : Math.floor(options.maxAgeMs / 1000);
  const secure = options.secure ? "; Secure" : "";
  return `${CONSOLE_COOKIE}=${value}; Path=${CONSOLE_PATH}; HttpOnly; SameSite=Strict; Max-Age=${age}${secure}`;
}

/** The first cookie of that name: browsers send those of the narrowest path first (RFC 6265 section 5.4). */
function cookieValue(cookies: string): string | null {
  const prefix = `${CONSOLE_COOKIE}=`;
  const found = cookies.split(/;\s*/).find((pair) => pair.startsWith(prefix));
  return found === undefined ? null : found.slice(prefix.length);
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}

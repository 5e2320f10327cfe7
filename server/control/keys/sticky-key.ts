/** The secret that signs the cookies of sessions: configured, in a file, or made once and kept in the database. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { isStickyKey, STICKY_KEY_RULE } from "../../../core/config/checks/sticky-check.ts";
import type { FileFault } from "../../../core/config/load.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { messageOf } from "../../../core/log/message-of.ts";
import { KEY_FILE_RULE, keyIn } from "../../../core/schema/key-text.ts";
import { attempt, type Loaded, unreadable } from "../files/loaded.ts";
import type { Logger } from "../logging/logger.ts";
import type { Store } from "../store/store.ts";

export type StickyKeys = Pick<ServerConfig, "sticky_cookie" | "sticky_cookie_key" | "sticky_cookie_key_file">;

const OWN_KEY_BYTES = 32;
const NAME = "sticky_cookie_key";

/** Reads the configured secret; "" when there is none to read. */
export function readStickyKey(config: Partial<StickyKeys>): Loaded<string> {
  const {
    sticky_cookie: cookie = "",
    sticky_cookie_key: key = "",
    sticky_cookie_key_file: file = "",
  } = config;
  if (cookie === "" || file === "") return { value: cookie === "" ? "" : key, faults: [] };
  const path = ["sticky_cookie_key_file"];
  const faults: FileFault[] = [];
  const text = attempt(path, unreadable(file), faults, () => readFileSync(file, "latin1"));
  const found = text === null ? null : keyIn(text);
  if (text !== null && found === null) faults.push({ path, message: `${file} ${KEY_FILE_RULE}` });
  if (found !== null && !isStickyKey(found)) {
    faults.push({ path, message: `the key in ${file} ${STICKY_KEY_RULE}` });
  }
  return { value: faults.length > 0 ? null : found, faults };
}

/** The file that holds it, if one is read. */
export function stickyKeyFiles({
  sticky_cookie: cookie,
  sticky_cookie_key_file: file,
}: StickyKeys): string[] {
  return cookie === "" || file === "" ? [] : [file];
}

/** Gives the configured secret, or with a cookie and without one this server's own; "" without a cookie. */
export function stickyKeyOf(cookie: string, configured: string, store: Store, log: Logger): string {
  if (cookie === "" || configured !== "") return configured;
  const fresh = randomBytes(OWN_KEY_BYTES).toString("hex");
  try {
    return store.secret(NAME, fresh);
  } catch (error) {
    const reason = messageOf(error);
    log.warn("the key of the sticky cookie cannot be kept: sessions by cookie end with this process", {
      reason,
    });
    return fresh;
  }
}

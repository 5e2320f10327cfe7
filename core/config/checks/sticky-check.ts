/** Rules that tie the keys of the sticky cookie together. Keys that are wrong by themselves are absent. */
import type { ServerConfig } from "../schema/server-schema.ts";

const MIN_KEY_LENGTH = 16;

interface StickyFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** What a secret that signs cookies must be. */
export const STICKY_KEY_RULE = `must have at least ${MIN_KEY_LENGTH} characters: who guesses it chooses backends`;

/** Tells whether a text is long enough to sign with. */
export function isStickyKey(key: string): boolean {
  return key.length >= MIN_KEY_LENGTH;
}

/** Says what does not go together; nothing while no cookie is wanted. */
export function stickyFaults(config: Partial<ServerConfig>): StickyFault[] {
  const { sticky_cookie: name, sticky_cookie_key: key = "", sticky_cookie_key_file: keyFile = "" } = config;
  if (name === undefined || name === "") return [];
  const faults: StickyFault[] = [];
  if (key !== "" && keyFile !== "") {
    const message = "must not stand beside sticky_cookie_key: one of them holds it";
    faults.push({ path: ["sticky_cookie_key_file"], message });
  }
  if (key !== "" && !isStickyKey(key)) faults.push({ path: ["sticky_cookie_key"], message: STICKY_KEY_RULE });
  return [...faults, ...prefixFaults(name, config), ...sameSiteFaults(config)];
}

/** Browsers drop cookies whose names promise more than their attributes keep (RFC 6265bis section 4.1.3). */
function prefixFaults(name: string, config: Partial<ServerConfig>): StickyFault[] {
  const {
    sticky_cookie_secure: secure,
    sticky_cookie_path: cookiePath,
    sticky_cookie_domain: domain,
  } = config;
  const lower = name.toLowerCase();
  const isHost = lower.startsWith("__host-");
  if (!isHost && !lower.startsWith("__secure-")) return [];
  const faults: StickyFault[] = [];
  const complain = (key: string, rule: string): void =>
    void faults.push({
      path: [key],
      message: `must be ${rule} for a cookie named ${name}: browsers drop it otherwise`,
    });
  if (secure === false) complain("sticky_cookie_secure", "true or auto");
  if (isHost && cookiePath !== undefined && cookiePath !== "/") complain("sticky_cookie_path", "/");
  if (isHost && domain !== undefined && domain !== "") complain("sticky_cookie_domain", "empty");
  return faults;
}

function sameSiteFaults(config: Partial<ServerConfig>): StickyFault[] {
  if (config.sticky_cookie_same_site !== "none" || config.sticky_cookie_secure !== false) return [];
  const message =
    "must be true or auto beside sticky_cookie_same_site: none: browsers drop the cookie otherwise";
  return [{ path: ["sticky_cookie_secure"], message }];
}

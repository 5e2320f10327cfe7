/** Paths of the web console that both planes know. */

export const CONSOLE_PATH = "/console";
/** Where its live connection is opened. */
export const CONSOLE_LIVE_PATH = "/console/live";
export const CONSOLE_LOGIN_PATH = "/console/login";

/** Holds a log-in. Browsers send it below {@link CONSOLE_PATH} alone, but to every port of the host (RFC 6265 section 8.5). */
export const CONSOLE_COOKIE = "opsen_console";

export function isConsolePath(path: string): boolean {
  return path === CONSOLE_PATH || path.startsWith(`${CONSOLE_PATH}/`);
}

/** Paths of the web console that both planes know. */

export const CONSOLE_PATH = "/console";
/** Where its live connection is opened. */
export const CONSOLE_LIVE_PATH = "/console/live";
export const CONSOLE_LOGIN_PATH = "/console/login";

export function isConsolePath(path: string): boolean {
  return path === CONSOLE_PATH || path.startsWith(`${CONSOLE_PATH}/`);
}

/** Keys of `server.yml` about the web console. Part of ServerConfigSchema. */
import { bool, int } from "./fields.ts";

export const CONSOLE_KEYS = {
  console: bool(true, "Serve the web console at `/console`, wherever management is served."),
  console_session_hours: int(
    12,
    { minimum: 1, maximum: 720 },
    "Longest time that a log-in to the console lasts.",
  ),
  console_idle_minutes: int(
    60,
    { minimum: 0, maximum: 43_200 },
    "A log-in ends after so long without anybody at the keyboard; 0 = never, for screens on walls.",
  ),
} as const;

/** Reads the server's configuration file for what a command needs of it. */
import { readFileSync } from "node:fs";
import { CONFIG_FILE_ENV } from "../../../core/config/bindings.ts";
import { loadServerConfig, renderConfigError } from "../../../core/config/load.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import type { Context } from "../context.ts";
import { CommandFailure, EXIT } from "../failure.ts";

/** Loads the file that `--config` or the environment names; null when none is named. */
export function namedConfig({ given, env }: Context): ServerConfig | null {
  const path = given.text("config") ?? env[CONFIG_FILE_ENV] ?? "";
  if (path === "") return null;
  const loaded = loadServerConfig({
    flags: { config: path },
    env,
    readFile: (file) => readFileSync(file, "utf8"),
  });
  if (loaded.ok) return loaded.config;
  throw new CommandFailure(EXIT.failed, loaded.errors.map(renderConfigError).join("\n"));
}

/** Loading of configurations from text, for the tests of this folder. */

import {
  type ConfigInputs,
  type ConfigOutcome,
  loadClientConfig,
  loadServerConfig,
  renderConfigError,
} from "../../../core/config/load.ts";
import type { ClientConfig } from "../../../core/config/schema/client-schema.ts";
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";

export function inputs(text: string | null, layers: Partial<ConfigInputs> = {}): ConfigInputs {
  const { flags = {}, env = {}, readFile } = layers;
  const named = text === null ? flags : { config: "test.yml", ...flags };
  return { flags: named, env, readFile: readFile ?? (() => text ?? "") };
}

export function server(text: string | null, layers: Partial<ConfigInputs> = {}): ServerConfig {
  return configOf(loadServerConfig(inputs(text, layers)));
}

export function client(text: string | null, layers: Partial<ConfigInputs> = {}): ClientConfig {
  return configOf(loadClientConfig(inputs(text, layers)));
}

/** The rendered errors of a server file; none when it is right. */
export function serverErrors(text: string | null, layers: Partial<ConfigInputs> = {}): string[] {
  return errorsOf(loadServerConfig(inputs(text, layers)));
}

export function clientErrors(text: string | null, layers: Partial<ConfigInputs> = {}): string[] {
  return errorsOf(loadClientConfig(inputs(text, layers)));
}

function configOf<Config>(outcome: ConfigOutcome<Config>): Config {
  if (!outcome.ok) throw new Error(outcome.errors.map(renderConfigError).join("\n"));
  return outcome.config;
}

function errorsOf(outcome: ConfigOutcome<unknown>): string[] {
  return outcome.ok ? [] : outcome.errors.map(renderConfigError);
}

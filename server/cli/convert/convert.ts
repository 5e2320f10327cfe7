/** `opsen-server convert`: another product's configuration becomes ours. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { SOURCES } from "../../../core/cli/offline-commands.ts";
import { parseConfigText } from "../../../core/config/document.ts";
import { loadClientConfig, loadServerConfig, renderConfigError } from "../../../core/config/load.ts";
import { ClientConfigSchema } from "../../../core/config/schema/client-schema.ts";
import { ServerConfigSchema } from "../../../core/config/schema/server-schema.ts";
import { messageOf } from "../../../core/log/message-of.ts";
import type { Context } from "../context.ts";
import { CommandFailure, EXIT } from "../failure.ts";
import { record } from "../json.ts";
import { cleanText } from "../view/clean.ts";
import { applyRules, type Conversion } from "./apply.ts";
import { GOBALANCE } from "./gobalance.ts";
import { OPSEN_CLIENT, OPSEN_SERVER } from "./opsen.ts";
import { QUANTUMFLOW } from "./quantumflow.ts";
import { renderConversion } from "./write.ts";

type Product = (typeof SOURCES)[number];
type Kind = "server" | "client";

export interface ConvertedFile {
  readonly kind: Kind;
  readonly yaml: string;
  readonly warnings: Conversion["warnings"];
  /** What our own check still finds, such as files that are not there. */
  readonly faults: readonly string[];
}

export async function convert({ given, out, err }: Context): Promise<number> {
  const product = given.text("from");
  if (product === null)
    throw new CommandFailure(EXIT.usage, "--from is needed: quantumflow, gobalance or opsen");
  const name = given.args[0] ?? "-";
  const made = convertText(
    asProduct(product),
    readSource(name),
    name === "-" ? "standard input" : basename(name),
  );
  if (given.on("json")) {
    out(`${JSON.stringify(made)}\n`);
    return made.faults.length === 0 ? EXIT.ok : EXIT.failed;
  }
  out(made.yaml);
  for (const { from, text } of made.warnings) err(`warning: ${cleanText(from)}: ${cleanText(text)}\n`);
  for (const fault of made.faults) err(`not valid yet: ${cleanText(fault)}\n`);
  return made.faults.length === 0 ? EXIT.ok : EXIT.failed;
}

/** Converts the text of a file; throws when it is no YAML. */
export function convertText(product: Product, text: string, name: string): ConvertedFile {
  const parsed = parseConfigText(text);
  if (!parsed.ok) {
    const faults = parsed.faults.map(({ line, column, message }) => `${name}:${line}:${column}: ${message}`);
    throw new CommandFailure(EXIT.failed, faults.join("\n"));
  }
  const file = parsed.document.value ?? {};
  if (typeof file !== "object" || Array.isArray(file)) {
    throw new CommandFailure(EXIT.failed, `${name} must hold keys with values`);
  }
  const kind: Kind = product === "opsen" && isClientFile(file) ? "client" : "server";
  const schema = kind === "client" ? ClientConfigSchema : ServerConfigSchema;
  const conversion = applyRules(sourceOf(product, kind), file, schema);
  const yaml = renderConversion(conversion, [
    `${kind}.yml, converted from ${name} (${product}). Behind each key: where it comes from.`,
  ]);
  return { kind, yaml, warnings: conversion.warnings, faults: faultsOf(kind, yaml) };
}

function sourceOf(product: Product, kind: Kind): typeof QUANTUMFLOW {
  if (product === "quantumflow") return QUANTUMFLOW;
  if (product === "gobalance") return GOBALANCE;
  return kind === "client" ? OPSEN_CLIENT : OPSEN_SERVER;
}

/** The agent's file names the server that it reports to. */
function isClientFile(file: object): boolean {
  const keys = Object.keys(record(file));
  return ["server_url", "endpoint_url", "window_minutes", "report_interval_seconds"].some((each) =>
    keys.includes(each),
  );
}

function faultsOf(kind: Kind, yaml: string): readonly string[] {
  const inputs = { flags: { config: `${kind}.yml` }, env: {}, readFile: () => yaml };
  const loaded = kind === "client" ? loadClientConfig(inputs) : loadServerConfig(inputs);
  return loaded.ok ? [] : loaded.errors.map(renderConfigError);
}

function asProduct(text: string): Product {
  // The flag's choices are these.
  if (text === "quantumflow" || text === "gobalance" || text === "opsen") return text;
  throw new CommandFailure(EXIT.usage, `unknown product ${text}`);
}

function readSource(name: string): string {
  try {
    return readFileSync(name === "-" ? 0 : name, "utf8");
  } catch (error) {
    const why = messageOf(error);
    throw new CommandFailure(EXIT.failed, `cannot read ${name}: ${why}`);
  }
}

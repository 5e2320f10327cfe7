/** The reference of both configuration files as Markdown, written from their schemas. */
import { KindGuard, type TObject, type TSchema } from "@sinclair/typebox";
import { MigrationOptionsSchema } from "../migration/options.ts";
import { FORMATS } from "../schema/formats.ts";
import { CLIENT_NAMES, CONFIG_FILE_ENV, type OuterNames, SERVER_NAMES } from "./bindings.ts";
import { BackendEndpointSchema, BackendSchema, ResourcesSchema } from "./schema/backend-schema.ts";
import { ProxyEndpointSchema } from "./schema/balancing-schema.ts";
import { ClientConfigSchema, EndpointSchema } from "./schema/client-schema.ts";
import { ApiKeySchema } from "./schema/key-schema.ts";
import { DEFAULT_TIERS, ScoreWeightsSchema, ServerConfigSchema, TierSchema } from "./schema/server-schema.ts";
import { BackendTlsSchema, CertificateSchema } from "./schema/tls-schema.ts";

/** The whole of `docs/configuration.md`. */
export function configurationReference(): string {
  return [
    "# Configuration",
    "",
    "Generated from the schemas by `npm run docs`; do not edit by hand.",
    "",
    "A flag wins over the environment, the environment over the file, the file over the default.",
    `The file is named by \`-config\` or \`${CONFIG_FILE_ENV}\`; without one every key has its default.`,
    "A named file that does not exist, an unknown key and a value out of bounds are errors: the program lists all",
    "of them and exits with 1. `-check` does that and nothing more. A key that is absent or null has its default.",
    "",
    "Every key that holds one value can be set from the environment as `OPSEN_SERVER_<KEY>` or",
    "`OPSEN_CLIENT_<KEY>`, in upper case; an empty variable counts as absent. `LB_STRATEGY` sets `strategy` too.",
    "",
    ...section("Server: `server.yml`", ServerConfigSchema),
    ...section("Entries of `api_keys` that are objects", ApiKeySchema),
    ...section("Entries of `proxy_endpoints` that are objects", ProxyEndpointSchema),
    ...section("Entries of `tiers`", TierSchema),
    ...defaultTiers(),
    ...section("Entries of `backends`", BackendSchema),
    ...section("Entries of `endpoints` of a backend", BackendEndpointSchema),
    ...section("Keys of `resources` of a backend", ResourcesSchema),
    ...section("Keys of `score_weights`", ScoreWeightsSchema),
    ...section("Keys of `migration_defaults`", MigrationOptionsSchema),
    ...section("Entries of `tls_certificates`", CertificateSchema),
    ...section("Entries of `backend_tls`", BackendTlsSchema),
    ...section("Agent: `client.yml`", ClientConfigSchema),
    ...section("Entries of `endpoints`", EndpointSchema),
    ...flagTable("opsen-server", SERVER_NAMES),
    ...flagTable("opsen-client", CLIENT_NAMES),
  ].join("\n");
}

function section(title: string, schema: TObject): string[] {
  const rows = Object.entries(schema.properties).map(
    ([key, property]) =>
      `| \`${key}\` | ${typeOf(property)} | ${defaultOf(schema, key, property)} | ${boundsOf(property)} | ${cell(property.description ?? "")} |`,
  );
  return [
    `## ${title}`,
    "",
    "| key | type | default | bounds | meaning |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ];
}

function typeOf(schema: TSchema): string {
  if (KindGuard.IsInteger(schema)) return "whole number";
  if (KindGuard.IsNumber(schema)) return "number";
  if (KindGuard.IsBoolean(schema)) return "true or false";
  if (KindGuard.IsString(schema)) return "text";
  if (KindGuard.IsLiteral(schema)) return "text";
  if (KindGuard.IsArray(schema)) return `list of ${itemsOf(schema.items)}`;
  if (KindGuard.IsObject(schema)) return "object";
  if (KindGuard.IsUnion(schema)) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
  return "";
}

function itemsOf(schema: TSchema): string {
  if (KindGuard.IsUnion(schema)) return [...new Set(schema.anyOf.map(itemsOf))].join(" or ");
  return KindGuard.IsObject(schema) ? "objects" : "texts";
}

function defaultOf(parent: TObject, key: string, schema: TSchema): string {
  if (parent.required?.includes(key) === true && schema.default === undefined) return "required";
  const value: unknown = schema.default;
  if (value === undefined) return "";
  return `\`${cell(typeof value === "string" && value !== "" ? value : JSON.stringify(value))}\``;
}

function boundsOf(schema: TSchema): string {
  if (KindGuard.IsInteger(schema) || KindGuard.IsNumber(schema)) {
    return `${schema.minimum ?? ""} to ${schema.maximum ?? ""}`;
  }
  if (KindGuard.IsUnion(schema)) {
    const bounds = schema.anyOf.map((v) => (KindGuard.IsLiteral(v) ? `\`${v.const}\`` : boundsOf(v)));
    return bounds.filter((bound) => bound !== "").join(", ");
  }
  if (KindGuard.IsArray(schema)) {
    const isPlain = KindGuard.IsString(schema.items) || KindGuard.IsUnion(schema.items);
    const each = isPlain ? boundsOf(schema.items) : "";
    return `at most ${schema.maxItems ?? ""}${each === "" ? "" : `, each ${each}`}`;
  }
  if (KindGuard.IsString(schema)) {
    if (typeof schema.expected === "string") return cell(schema.expected);
    const format = schema.format === undefined ? undefined : FORMATS[schema.format];
    if (format !== undefined) return cell(format.expected);
    return schema.maxLength === undefined ? "" : `at most ${schema.maxLength} characters`;
  }
  return "";
}

function defaultTiers(): string[] {
  return [
    "Tiers without a list of your own:",
    "",
    "| name | vcpu | memory_gb | storage_gb | gpu | gpu_memory_gb |",
    "|---|---|---|---|---|---|",
    ...DEFAULT_TIERS.map(
      (t) =>
        `| \`${t.name}\` | ${t.vcpu} | ${t.memory_gb} | ${t.storage_gb} | ${t.gpu} | ${t.gpu_memory_gb} |`,
    ),
    "",
  ];
}

function flagTable(program: string, { bindings, prefix }: OuterNames): string[] {
  const rows = bindings.map(({ flag, key, env }) => {
    const general = `${prefix}${key.toUpperCase()}`;
    return `| \`-${flag}\` | \`${env}\`${env === general ? "" : `, \`${general}\``} | \`${key}\` |`;
  });
  return [
    `## Flags of \`${program}\``,
    "",
    "`-config` names the file, `-check` checks and exits, `-version` and `-help` print and exit.",
    "",
    "| flag | environment | key |",
    "|---|---|---|",
    ...rows,
    "",
  ];
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

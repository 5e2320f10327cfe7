/** What the console knows of each key of the configuration: from the schema, the only home of that. */
import { type TSchema, TypeGuard } from "@sinclair/typebox";
import { STRATEGY_NAMES } from "../../../core/balancing/strategies/names.ts";
import { FILE_ONLY_KEYS } from "../../../core/config/runtime/live-keys.ts";
import { ServerConfigSchema } from "../../../core/config/schema/server-schema.ts";

export interface KeyInfo {
  readonly key: string;
  readonly choices?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default: unknown;
  readonly help: string;
  /** No call may change it. */
  readonly file_only: boolean;
}

/** Every key, in the schema's order. */
export function keyInfos(): readonly KeyInfo[] {
  return Object.entries(ServerConfigSchema.properties).map(([key, schema]) => infoOf(key, schema));
}

function infoOf(key: string, schema: TSchema): KeyInfo {
  const choices = choicesOf(schema);
  const { minimum, maximum, description } = schema;
  return {
    key,
    ...(choices.length > 0 ? { choices } : {}),
    ...(typeof minimum === "number" ? { minimum } : {}),
    ...(typeof maximum === "number" ? { maximum } : {}),
    default: schema.default ?? null,
    help: description ?? "",
    file_only: FILE_ONLY_KEYS.has(key),
  };
}

/** The texts that a key may have, where it may have these alone. */
function choicesOf(schema: TSchema): readonly string[] {
  if (schema.format === "strategy") return STRATEGY_NAMES;
  if (!TypeGuard.IsUnion(schema)) return [];
  const texts = schema.anyOf.map((each) => (TypeGuard.IsLiteral(each) ? each.const : null));
  return texts.every((text) => typeof text === "string") ? texts : [];
}

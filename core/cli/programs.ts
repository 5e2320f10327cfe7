/** The command lines of the two executables, derived from the configuration's schemas. */
import type { TObject } from "@sinclair/typebox";
import { CLIENT_NAMES, CONFIG_FILE_ENV, type OuterNames, SERVER_NAMES } from "../config/bindings.ts";
import { ClientConfigSchema } from "../config/schema/client-schema.ts";
import { ServerConfigSchema } from "../config/schema/server-schema.ts";
import type { Flag, ProgramSpec } from "./flags.ts";

export const SERVER_PROGRAM: ProgramSpec = {
  name: "opsen-server",
  summary: "sends each request to the backend that has room for it.",
  ...keysOf(ServerConfigSchema, SERVER_NAMES),
};

export const CLIENT_PROGRAM: ProgramSpec = {
  name: "opsen-client",
  summary: "reports what this backend has free to an opsen-server.",
  ...keysOf(ClientConfigSchema, CLIENT_NAMES),
};

function keysOf(schema: TObject, names: OuterNames): Pick<ProgramSpec, "flags" | "notes"> {
  return { flags: flagsOf(schema, names), notes: notesOf(names) };
}

function flagsOf(schema: TObject, { bindings }: OuterNames): Flag[] {
  return [
    { name: "config", value: "file", help: "YAML file to read.", env: CONFIG_FILE_ENV },
    ...bindings.map(({ flag, key, env }) => {
      const property = schema.properties[key];
      return {
        name: flag,
        value: property?.type === "string" ? "text" : "number",
        help: property?.description ?? "",
        env,
        fallback: String(property?.default ?? ""),
      };
    }),
    { name: "check", help: "Check the configuration and exit: 0 when it is right, 1 when not." },
    { name: "version", help: "Print name and version and exit." },
    { name: "help", help: "Print this text and exit." },
  ];
}

function notesOf({ prefix }: OuterNames): string[] {
  return [
    `Every key of the file that holds one value can also be set as ${prefix}<KEY>, in upper case.`,
    "A flag wins over the environment, the environment over the file, the file over the default.",
  ];
}

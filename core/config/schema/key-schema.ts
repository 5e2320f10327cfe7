/** Keys of `server.yml` about who may use management. Part of ServerConfigSchema. */
import { Type } from "@sinclair/typebox";
import { SCOPES } from "../../plane/api-key.ts";
import { bool, list, text } from "./fields.ts";

export const ApiKeySchema = Type.Object(
  {
    key: text("", "The key.", { secret: true }),
    key_file: text("", "File that holds the key, in its place. A file that changes is read again.", {
      format: "path",
    }),
    name: text("", "What the log calls this key; empty = its place in the list.", {
      pattern: "^[A-Za-z0-9._-]*$",
      maxLength: 64,
      expected: "at most 64 letters, digits or . _ -",
    }),
    scopes: Type.Array(Type.Union(SCOPES.map((scope) => Type.Literal(scope))), {
      minItems: 1,
      maxItems: SCOPES.length,
      description:
        "What it may do: `agent` (register, report, and remove or drain the backend whose agent token is shown), `route` (ask for backends, renew and end leases), `read` (all that changes nothing), `metrics` (metrics alone), `admin` (everything).",
    }),
  },
  { additionalProperties: false },
);

export const AUTH_KEYS = {
  server_key: text("", "Key that agents and other callers send as `X-API-Key`; it may do everything.", {
    secret: true,
  }),
  server_key_file: text(
    "",
    "File that holds `server_key`, in its place. A file that changes is read again.",
    { format: "path" },
  ),
  api_keys: list(
    Type.Union([Type.String({ secret: true }), ApiKeySchema]),
    "Further accepted keys: a text may do everything, an object what its scopes say.",
  ),
  insecure_no_auth: bool(false, "Serve management to any address although no key is configured."),
} as const;

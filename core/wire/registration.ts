/** `POST /register`: how a backend makes itself known. Field names are the original's. */
import { type Static, Type } from "@sinclair/typebox";
import { MAX_TAGS, TAG } from "./tag.ts";

/** Names are shown to people, in lists and log lines. */
export const NAME = {
  maxLength: 256,
  pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
  expected: "text of at most 256 characters without control characters",
} as const;
const LIMIT = { minimum: 0, maximum: 1_000_000 } as const;
const ADDRESS = { maxLength: 256, format: "agent-address" } as const;

/**
 * An id is printable ASCII without spaces or quotes, so that it is safe in headers, paths and log lines. What means
 * something else behind `/clients/` is none: `DELETE /clients/purge` must not depend on who is registered.
 */
export const CLIENT_ID = {
  maxLength: 128,
  pattern: "^(?!(?:purge|purge-pending|\\.\\.?)$)[A-Za-z0-9._:@+~-]+$",
  expected: "1 to 128 letters, digits or . _ : @ + ~ -, but not purge, purge-pending, . or ..",
} as const;
export const ClientId = Type.String({ minLength: 1, ...CLIENT_ID });

const EndpointRegistrationSchema = Type.Object({
  url: Type.String({ minLength: 1, maxLength: 2048 }),
  paths: Type.Optional(
    Type.Array(Type.String({ maxLength: 1024, format: "path-pattern" }), { maxItems: 256 }),
  ),
});

export const RegistrationSchema = Type.Object({
  client_id: ClientId,
  hostname: Type.Optional(Type.String(NAME)),
  public_ip: Type.Optional(Type.String(ADDRESS)),
  local_ip: Type.Optional(Type.String(ADDRESS)),
  latitude: Type.Optional(Type.Number({ minimum: -90, maximum: 90 })),
  longitude: Type.Optional(Type.Number({ minimum: -180, maximum: 180 })),
  country: Type.Optional(Type.String(NAME)),
  city: Type.Optional(Type.String(NAME)),
  total_cpu: Type.Optional(Type.Integer({ minimum: 0, maximum: 4096 })),
  total_memory_gb: Type.Optional(Type.Number({ minimum: 0, maximum: 1e6 })),
  total_storage_gb: Type.Optional(Type.Number({ minimum: 0, maximum: 1e9 })),
  total_gpus: Type.Optional(Type.Integer({ minimum: 0, maximum: 32 })),
  gpu_models: Type.Optional(Type.Array(Type.String(NAME), { maxItems: 32 })),
  endpoint_url: Type.Optional(Type.String({ maxLength: 2048 })),
  endpoints: Type.Optional(Type.Array(EndpointRegistrationSchema, { maxItems: 64 })),
  /** Most requests in flight and most connections; 0 = no limit, absent = what the server is configured to. */
  max_in_flight: Type.Optional(Type.Integer(LIMIT)),
  max_connections: Type.Optional(Type.Integer(LIMIT)),
  /** Groups that the backend is in, beside those that operators put it in. */
  tags: Type.Optional(Type.Array(Type.String(TAG), { maxItems: MAX_TAGS })),
});

export type Registration = Static<typeof RegistrationSchema>;

/** Answer to an accepted registration; the token proves ownership of the id from then on. */
export interface RegistrationAnswer {
  readonly status: "registered";
  readonly agent_token: string;
}

/** Header in which an agent returns the token of {@link RegistrationAnswer}. */
export const AGENT_TOKEN_HEADER = "X-Opsen-Agent-Token";

/** Backends that the configuration names: they need no agent. Part of ServerConfigSchema. */
import { type Static, Type } from "@sinclair/typebox";
import { CLIENT_ID, NAME } from "../../wire/registration.ts";
import { MAX_TAGS, TAG } from "../../wire/tag.ts";
import { list } from "./fields.ts";

const LIMIT = { minimum: 0, maximum: 1_000_000 };

export const BackendEndpointSchema = Type.Object(
  {
    url: Type.String({
      minLength: 1,
      maxLength: 2048,
      description:
        "`http://`, `https://`, `h2://` or `h2c://`, a host, a port where it is not the usual one.",
    }),
    paths: Type.Array(Type.String({ maxLength: 1024, format: "path-pattern" }), {
      default: [],
      maxItems: 256,
      description: "Path patterns that this URL serves; empty = what no other endpoint serves.",
    }),
  },
  { additionalProperties: false },
);

const LocationSchema = Type.Object(
  {
    lat: Type.Number({ minimum: -90, maximum: 90, description: "Degrees north." }),
    lon: Type.Number({ minimum: -180, maximum: 180, description: "Degrees east." }),
  },
  { additionalProperties: false, description: "Where it is; absent = unknown." },
);

/** What a backend without an agent has to give; what is not said is not counted. */
export const ResourcesSchema = Type.Object(
  {
    vcpu: Type.Optional(Type.Integer({ minimum: 0, maximum: 4096, description: "Cores." })),
    memory_gb: Type.Optional(Type.Number({ minimum: 0, maximum: 1e6, description: "Memory." })),
    storage_gb: Type.Optional(Type.Number({ minimum: 0, maximum: 1e9, description: "Disk space." })),
    gpu: Type.Optional(Type.Integer({ minimum: 0, maximum: 32, description: "GPUs." })),
    gpu_memory_gb: Type.Optional(
      Type.Number({ minimum: 0, maximum: 1e5, description: "VRAM of each GPU; absent = enough." }),
    ),
  },
  {
    additionalProperties: false,
    description: "What it has to give. A tier is not refused for what is not said here.",
  },
);

/** What operators may say of any backend, whoever made it known. */
export const BACKEND_TERMS = {
  weight: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 1000,
      description: "Its share beside the others' (1); 0 = no new requests, sessions stay.",
    }),
  ),
  max_connections: Type.Optional(
    Type.Integer({ ...LIMIT, description: "Overrides `max_connections_per_backend`." }),
  ),
  max_in_flight: Type.Optional(
    Type.Integer({ ...LIMIT, description: "Overrides `max_in_flight_per_backend`." }),
  ),
  backup: Type.Optional(
    Type.Union([Type.Boolean(), Type.String({ minLength: 1, ...CLIENT_ID })], {
      description:
        "Takes requests only while no other backend can (`true`), or while the backend of that id cannot.",
    }),
  ),
  tags: Type.Optional(
    Type.Array(Type.String(TAG), { maxItems: MAX_TAGS, description: "Names of groups that it is in." }),
  ),
} as const;

export const BackendSchema = Type.Object(
  {
    id: Type.Optional(
      Type.String({
        minLength: 1,
        ...CLIENT_ID,
        description: "Its `client_id`; absent = made from its address.",
      }),
    ),
    hostname: Type.Optional(Type.String({ ...NAME, description: "Name to show." })),
    url: Type.Optional(
      Type.String({ minLength: 1, maxLength: 2048, description: "Its one endpoint, for every path." }),
    ),
    endpoints: Type.Optional(
      Type.Array(BackendEndpointSchema, {
        minItems: 1,
        maxItems: 64,
        description: "Its endpoints with their paths.",
      }),
    ),
    dns: Type.Optional(
      Type.String({
        maxLength: 300,
        format: "dns-target",
        description:
          "`name:port`: one backend for each address of the name, which is asked for again when its answer is old.",
      }),
    ),
    ...BACKEND_TERMS,
    location: Type.Optional(LocationSchema),
    resources: Type.Optional(ResourcesSchema),
  },
  { additionalProperties: false },
);

export const BACKEND_KEYS = {
  backends: list(BackendSchema, "Backends that need no agent; those with one register themselves.", 10_000),
} as const;

/** A backend as the configuration, or a call at run time, describes it. */
export type BackendConfig = Readonly<Static<typeof BackendSchema>>;
/** What operators may change of any backend. */
export type BackendTerms = Pick<
  BackendConfig,
  "weight" | "max_connections" | "max_in_flight" | "backup" | "tags"
>;

/** The schema of `client.yml`, the agent's file: the only home of a key's type, bounds, default and description. */
import { type Static, Type } from "@sinclair/typebox";
import { CLIENT_ID } from "../../wire/registration.ts";
import { MAX_TAGS, TAG } from "../../wire/tag.ts";
import { bool, int, list, text } from "./fields.ts";

/** A URL of the backend and the path patterns that it serves. */
export const EndpointSchema = Type.Object(
  {
    url: Type.String({
      format: "base-url",
      maxLength: 2048,
      description: "Where the server sends requests.",
    }),
    paths: Type.Array(Type.String({ maxLength: 1024, format: "path-pattern" }), {
      default: [],
      maxItems: 256,
      description:
        "Path patterns served there: `/api` (and below), `/api/*`, `/api/*/users`, `/*`; none = all.",
    }),
  },
  { additionalProperties: false },
);

export const ClientConfigSchema = Type.Object(
  {
    server_url: text("http://localhost:8080", "Where the server is.", { format: "base-url", required: true }),
    server_key: text("", "Key sent as `X-API-Key`.", { secret: true }),
    server_key_file: text("", "File that holds `server_key`, in its place.", { format: "path" }),
    client_id: text("", "Identity of this backend; empty = made once and kept in `state_dir`.", CLIENT_ID),
    hostname: text("", "Name shown for this backend; empty = the system's.", { maxLength: 256 }),
    endpoint_url: text("", "Where this backend takes requests; empty = `http://<local address>:11000`.", {
      format: "base-url",
    }),
    endpoints: list(EndpointSchema, "Several URLs by path, instead of `endpoint_url`.", 64),
    max_in_flight: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000,
        description:
          "Requests that this backend may have in flight; 0 = no limit, absent = the server's default.",
      }),
    ),
    max_connections: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000,
        description:
          "Connections that the server may have to it; 0 = no limit, absent = the server's default.",
      }),
    ),
    tags: list(
      Type.String(TAG),
      "Names of groups that this backend is in, as for a migration from one group to another.",
      MAX_TAGS,
    ),
    drain_timeout_seconds: int(
      5,
      { minimum: 0, maximum: 3600 },
      "How long requests in flight may take when the agent is stopped, before the backend leaves the server's list; new ones go elsewhere at once.",
    ),
    window_minutes: int(15, { minimum: 1, maximum: 1440 }, "Averaging window."),
    report_interval_seconds: int(60, { minimum: 1, maximum: 3600 }, "Period of reports."),
    disk_path: text("/", "Path on the disk to report.", { format: "path", required: true }),
    state_dir: text(
      "",
      "Where the identity is kept; empty = `$STATE_DIRECTORY`, else `~/.local/state/opsen`, else the working directory.",
      { format: "path" },
    ),
    skip_geolocation: bool(false, "Report no location."),
    geoip_db_path: text("", "MaxMind database (City); empty = `GeoLite2-City.mmdb` in the state directory.", {
      format: "path",
    }),
    geoip_url: text("", "Where the database is downloaded from when the file is missing; empty = never.", {
      format: "http-url",
    }),
    latitude: Type.Optional(
      Type.Number({ minimum: -90, maximum: 90, description: "Latitude given by hand; needs `longitude`." }),
    ),
    longitude: Type.Optional(
      Type.Number({ minimum: -180, maximum: 180, description: "Longitude given by hand; needs `latitude`." }),
    ),
    country: text("", "Country given by hand.", { maxLength: 256 }),
    city: text("", "City given by hand.", { maxLength: 256 }),
    insecure_tls: bool(false, "Do not verify the server's certificate (development only)."),
    log_level: Type.Union(
      ["debug", "info", "warn", "warning", "error", "fatal"].map((level) => Type.Literal(level)),
      { default: "info", description: "Least severe level that is written." },
    ),
    json_logging: bool(false, "Write each line as a JSON object."),
  },
  { additionalProperties: false },
);

/** A validated agent configuration, every key present. */
export type ClientConfig = Readonly<Static<typeof ClientConfigSchema>>;

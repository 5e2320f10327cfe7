/** Keys of `server.yml` about migrations between groups of backends. Part of ServerConfigSchema. */
import { MigrationOptionsSchema } from "../../migration/options.ts";

export const MIGRATION_KEYS = {
  migration_defaults: {
    ...MigrationOptionsSchema,
    default: {},
    description: "What migrations keep to, unless `POST /migrations` says otherwise (see docs/migration.md).",
  },
} as const;

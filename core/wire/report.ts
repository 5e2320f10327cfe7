/** `POST /stats`: one report of an agent. Field names are the original's; sizes in GB (2^30 bytes), shares 0 to 100. */
import { type Static, Type } from "@sinclair/typebox";
import { ClientId } from "./registration.ts";

const GB = Type.Number({ minimum: 0, maximum: 1e9 });
const PERCENT = Type.Number({ minimum: 0, maximum: 100 });

/** What an agent knows of one GPU; a value that could not be read is absent. */
export const GpuReportSchema = Type.Object({
  device_id: Type.Integer({ minimum: 0, maximum: 1023 }),
  name: Type.Optional(Type.String({ maxLength: 256 })),
  uuid: Type.Optional(Type.String({ maxLength: 128 })),
  utilization_pct: Type.Optional(PERCENT),
  memory_used_gb: Type.Optional(GB),
  memory_total_gb: Type.Optional(GB),
  temperature_c: Type.Optional(Type.Number({ minimum: -273, maximum: 1000 })),
  power_draw_w: Type.Optional(Type.Number({ minimum: 0, maximum: 1e5 })),
});

export const ReportSchema = Type.Object({
  client_id: ClientId,
  hostname: Type.Optional(Type.String({ maxLength: 256 })),
  /** RFC 3339; absent or the zero time means "now", as the original's agents may leave it out. */
  timestamp: Type.Optional(Type.String({ maxLength: 64 })),
  cpu_cores: Type.Optional(Type.Integer({ minimum: 0, maximum: 4096 })),
  cpu_usage_avg: Type.Optional(Type.Union([Type.Array(PERCENT, { maxItems: 4096 }), Type.Null()])),
  memory_total_gb: Type.Optional(GB),
  memory_used_gb: Type.Optional(GB),
  memory_avail_gb: Type.Optional(GB),
  disk_total_gb: Type.Optional(GB),
  disk_used_gb: Type.Optional(GB),
  disk_avail_gb: Type.Optional(GB),
  gpus: Type.Optional(Type.Union([Type.Array(GpuReportSchema, { maxItems: 32 }), Type.Null()])),
  public_ip: Type.Optional(Type.String({ maxLength: 256 })),
  latitude: Type.Optional(Type.Number()),
  longitude: Type.Optional(Type.Number()),
  country: Type.Optional(Type.String({ maxLength: 256 })),
  city: Type.Optional(Type.String({ maxLength: 256 })),
});

export type Report = Static<typeof ReportSchema>;
export type GpuReport = Static<typeof GpuReportSchema>;

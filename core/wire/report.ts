/** `POST /stats`: one report of an agent. Field names are the original's; sizes in GB (2^30 bytes), shares 0 to 100. */
import { type Static, Type } from "@sinclair/typebox";
import type { FieldError } from "./problem.ts";
import { ClientId, NAME } from "./registration.ts";

const GB = Type.Number({ minimum: 0, maximum: 1e9 });
const PERCENT = Type.Number({ minimum: 0, maximum: 100 });

/** What an agent knows of one GPU; a value that could not be read is absent. */
const GpuReportSchema = Type.Object({
  device_id: Type.Integer({ minimum: 0, maximum: 1023 }),
  name: Type.Optional(Type.String(NAME)),
  uuid: Type.Optional(Type.String({ maxLength: 128 })),
  utilization_pct: Type.Optional(PERCENT),
  memory_used_gb: Type.Optional(GB),
  memory_total_gb: Type.Optional(GB),
  temperature_c: Type.Optional(Type.Number({ minimum: -273, maximum: 1000 })),
  power_draw_w: Type.Optional(Type.Number({ minimum: 0, maximum: 1e5 })),
});

export const ReportSchema = Type.Object({
  client_id: ClientId,
  hostname: Type.Optional(Type.String(NAME)),
  /** RFC 3339; absent or the zero time means "now", as the original's agents may leave it out. */
  timestamp: Type.Optional(Type.String({ maxLength: 64 })),
  /**
   * For display; the figures of `cpu_usage_avg` count. The two may differ: a process that may run on some cores
   * only still sees the use of all.
   */
  cpu_cores: Type.Optional(Type.Integer({ minimum: 0, maximum: 4096 })),
  cpu_usage_avg: Type.Array(PERCENT, { minItems: 1, maxItems: 4096 }),
  memory_total_gb: GB,
  memory_used_gb: GB,
  memory_avail_gb: GB,
  disk_total_gb: GB,
  disk_used_gb: GB,
  disk_avail_gb: GB,
  gpus: Type.Optional(Type.Array(GpuReportSchema, { maxItems: 32 })),
  public_ip: Type.Optional(Type.String({ maxLength: 256 })),
  latitude: Type.Optional(Type.Number()),
  longitude: Type.Optional(Type.Number()),
  country: Type.Optional(Type.String({ maxLength: 256 })),
  city: Type.Optional(Type.String({ maxLength: 256 })),
});

export type Report = Static<typeof ReportSchema>;
/** What may be known of a backend: all of a report, or nothing. */
export type Figures = Partial<Report>;
export type GpuReport = Static<typeof GpuReportSchema>;

/** Used and available amounts are rounded, and means while the total is as of now. */
const TOLERANCE = 1.01;

/**
 * Finds amounts above their totals and devices that are listed twice. Used and available may add up to more than
 * the total: one is a mean, the other as of now.
 */
export function reportFaults(report: Partial<Report>): FieldError[] {
  const { memory_total_gb: memory, disk_total_gb: disk } = report;
  return [
    ...aboveTotal("memory_used_gb", report.memory_used_gb, "memory_total_gb", memory),
    ...aboveTotal("memory_avail_gb", report.memory_avail_gb, "memory_total_gb", memory),
    ...aboveTotal("disk_used_gb", report.disk_used_gb, "disk_total_gb", disk),
    ...aboveTotal("disk_avail_gb", report.disk_avail_gb, "disk_total_gb", disk),
    ...gpuFaults(report.gpus ?? []),
  ];
}

function gpuFaults(gpus: readonly GpuReport[]): FieldError[] {
  return gpus.flatMap((gpu, index) => {
    const { device_id: id, memory_used_gb: used, memory_total_gb: total } = gpu;
    const at = `gpus[${index}]`;
    const first = gpus.findIndex((other) => other.device_id === id);
    const rule = `must differ from that of gpus[${first}]`;
    const twice = first < index ? [{ field: `${at}.device_id`, rule, got: id }] : [];
    return [...twice, ...aboveTotal(`${at}.memory_used_gb`, used, "memory_total_gb", total)];
  });
}

function aboveTotal(
  field: string,
  amount: number | undefined,
  totalField: string,
  total: number | undefined,
): FieldError[] {
  if (amount === undefined || total === undefined || amount <= total * TOLERANCE) return [];
  return [{ field, rule: `must not exceed ${totalField} (${total})`, got: amount }];
}

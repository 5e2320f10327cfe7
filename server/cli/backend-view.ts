/** A backend as the commands show it, made of `GET /backends` or, on servers without it, of `GET /clients`. */
import { type Api, type ApiAnswer, isUnknownCall, refusal } from "./connection/api.ts";
import { isOn, type Json, listOf, mean, numberOf, numbersOf, record, textOf, textsOf } from "./json.ts";

export interface BackendView {
  readonly id: string;
  readonly hostname: string;
  readonly source: string;
  readonly endpoints: readonly string[];
  readonly status: string;
  readonly routable: boolean;
  /** Why it is not routable. */
  readonly reason: string;
  readonly weight: number | null;
  readonly backup: string;
  readonly tags: readonly string[];
  readonly cpuPct: number | null;
  readonly memoryPct: number | null;
  readonly diskPct: number | null;
  readonly gpuPct: number | null;
  readonly inFlight: number;
  /** 0 or null = no limit. */
  readonly maxInFlight: number | null;
  readonly connections: number | null;
  readonly leases: number;
  readonly latencyMs: number | null;
  readonly reportAgeSeconds: number | null;
  readonly requestsTotal: number | null;
  readonly errorsTotal: number | null;
}

export interface Backends {
  readonly answer: ApiAnswer;
  readonly views: readonly BackendView[];
}

/** Asks for all backends; ends the command when the server refuses. */
export async function fetchBackends(api: Api): Promise<Backends> {
  const answer = await api.call("GET", "/backends");
  const list = listOf(record(answer.json), "backends");
  if (answer.status === 200 && Array.isArray(record(answer.json).backends)) {
    return { answer, views: list.map((each) => viewOfBackend(record(each))) };
  }
  if (!isUnknownCall(answer)) throw refusal(answer, "GET /backends");
  const clients = await api.ask("GET", "/clients");
  const entries: readonly unknown[] = Array.isArray(clients.json) ? clients.json : [];
  return { answer: clients, views: entries.map((each) => viewOfClient(record(each))) };
}

function viewOfBackend(entry: Json): BackendView {
  const gpus = listOf(entry, "gpus").flatMap((each) => numberOf(record(each), "usage_pct") ?? []);
  const backup = entry.backup;
  return {
    id: textOf(entry, "id") ?? "",
    hostname: textOf(entry, "hostname") ?? "",
    source: textOf(entry, "source") ?? "",
    endpoints: endpointsOf(entry),
    status: textOf(entry, "status") ?? "unknown",
    routable: isOn(entry, "routable"),
    reason: textOf(entry, "reason") ?? "",
    weight: numberOf(entry, "weight"),
    backup: typeof backup === "string" ? `of ${backup}` : backup === true ? "yes" : "",
    tags: textsOf(entry, "tags"),
    cpuPct: mean(numbersOf(entry, "cpu_pct")),
    memoryPct: numberOf(entry, "memory_pct"),
    diskPct: numberOf(entry, "disk_pct"),
    gpuPct: mean(gpus),
    inFlight: numberOf(entry, "in_flight") ?? 0,
    maxInFlight: numberOf(entry, "max_in_flight"),
    connections: numberOf(entry, "connections"),
    leases: numberOf(entry, "leases") ?? 0,
    latencyMs: numberOf(entry, "latency_ms"),
    reportAgeSeconds: numberOf(entry, "report_age_seconds"),
    requestsTotal: numberOf(entry, "requests_total"),
    errorsTotal: numberOf(entry, "errors_total"),
  };
}

function viewOfClient(entry: Json): BackendView {
  const gpus = listOf(entry, "gpus").flatMap((each) => numberOf(record(each), "utilization_pct") ?? []);
  return {
    id: textOf(entry, "client_id") ?? "",
    hostname: textOf(entry, "hostname") ?? "",
    source: "agent",
    endpoints: endpointsOf(entry),
    status: statusOfClient(entry),
    routable: isOn(entry, "routable"),
    reason: textOf(entry, "reason") ?? "",
    weight: null,
    backup: "",
    tags: [],
    cpuPct: mean(numbersOf(entry, "cpu_usage_avg")),
    memoryPct: share(entry, "memory_used_gb", "memory_total_gb"),
    diskPct: share(entry, "disk_used_gb", "disk_total_gb"),
    gpuPct: mean(gpus),
    inFlight: numberOf(entry, "in_flight") ?? 0,
    maxInFlight: null,
    connections: null,
    leases: numberOf(entry, "leases") ?? 0,
    latencyMs: numberOf(entry, "latency_ms"),
    reportAgeSeconds: null,
    requestsTotal: null,
    errorsTotal: null,
  };
}

/** How many backends have each status, in order of their names. */
export function countByStatus(views: readonly BackendView[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { status } of views) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].toSorted(([a], [b]) => a.localeCompare(b));
}

function statusOfClient(entry: Json): string {
  if (isOn(entry, "draining")) return "draining";
  if (entry.is_active === false) return "stale";
  return textOf(entry, "health_status") ?? "unknown";
}

function endpointsOf(entry: Json): readonly string[] {
  return listOf(entry, "endpoints").map((each) => {
    const endpoint = record(each);
    const paths = textsOf(endpoint, "paths");
    return `${textOf(endpoint, "url") ?? ""}${paths.length === 0 ? "" : ` (${paths.join(", ")})`}`;
  });
}

function share(entry: Json, used: string, total: string): number | null {
  const whole = numberOf(entry, total);
  const part = numberOf(entry, used);
  return whole === null || part === null || whole <= 0 ? null : (part / whole) * 100;
}

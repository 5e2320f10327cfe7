/** `opsen-server backends`: who is there. */
import { type BackendView, fetchBackends } from "./backend-view.ts";
import { Api } from "./connection/api.ts";
import type { Context } from "./context.ts";
import { EXIT } from "./failure.ts";
import { decimal, percent, short, span } from "./view/figures.ts";
import { type Column, table } from "./view/table.ts";

const COLUMNS: readonly Column<BackendView>[] = [
  { head: "ID", cell: ({ id }) => id },
  { head: "STATUS", cell: ({ status }) => status },
  { head: "SOURCE", cell: ({ source }) => source },
  { head: "WEIGHT", cell: ({ weight }) => (weight === null ? "" : decimal(weight, 2)), alignRight: true },
  { head: "BACKUP", cell: ({ backup }) => backup },
  { head: "TAGS", cell: ({ tags }) => tags.join(",") },
  { head: "CPU", cell: ({ cpuPct }) => percent(cpuPct), alignRight: true },
  { head: "MEM", cell: ({ memoryPct }) => percent(memoryPct), alignRight: true },
  { head: "DISK", cell: ({ diskPct }) => percent(diskPct), alignRight: true },
  { head: "GPU", cell: ({ gpuPct }) => (gpuPct === null ? "" : percent(gpuPct)), alignRight: true },
  { head: "FLIGHT", cell: ({ inFlight }) => short(inFlight), alignRight: true },
  { head: "LEASES", cell: ({ leases }) => short(leases), alignRight: true },
  {
    head: "LATENCY",
    cell: ({ latencyMs }) => (latencyMs === null ? "" : `${decimal(latencyMs, 1)} ms`),
    alignRight: true,
  },
  {
    head: "REPORT",
    cell: ({ reportAgeSeconds: age }) => (age === null ? "" : span(age)),
    alignRight: true,
  },
  { head: "REQUESTS", cell: ({ requestsTotal }) => countText(requestsTotal), alignRight: true },
  { head: "ERRORS", cell: ({ errorsTotal }) => countText(errorsTotal), alignRight: true },
  { head: "ENDPOINTS", cell: ({ endpoints }) => endpoints.join(" ") },
  { head: "REASON", cell: ({ reason }) => reason },
];

export async function listBackends(context: Context): Promise<number> {
  const { given, columns, out } = context;
  const { answer, views } = await fetchBackends(Api.of(context));
  if (given.on("json")) {
    out(`${answer.text.trimEnd()}\n`);
    return EXIT.ok;
  }
  const statuses = given.all("status");
  const tags = given.all("tag");
  const chosen = views.filter(
    (each) =>
      (statuses.length === 0 || statuses.includes(each.status)) &&
      (tags.length === 0 || each.tags.some((tag) => tags.includes(tag))),
  );
  if (chosen.length === 0) {
    out(views.length === 0 ? "no backends\n" : `none of ${views.length} backends is meant\n`);
    return EXIT.ok;
  }
  out(table(COLUMNS, chosen, columns));
  return EXIT.ok;
}

function countText(value: number | null): string {
  return value === null ? "" : short(value);
}

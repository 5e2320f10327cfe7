/** `opsen-server status`: the server on one screen. */
import { type BackendView, countByStatus, fetchBackends } from "./backend-view.ts";
import { Api, type ApiAnswer } from "./connection/api.ts";
import type { Context } from "./context.ts";
import { EXIT } from "./failure.ts";
import { type Json, numberOf, record, textOf } from "./json.ts";
import { fetchTraffic, metricsPathOf, rateBetween, type Traffic } from "./traffic.ts";
import { cleanText } from "./view/clean.ts";
import { grouped, short, span } from "./view/figures.ts";
import { fit } from "./view/table.ts";

/** Between the two looks at the counters that give a rate. */
const LOOK_MS = 1_000;
/** So that all of it fits a screen of 24 lines. */
const MAX_TROUBLES = 12;

export async function status(context: Context): Promise<number> {
  const { given, out, columns } = context;
  const api = Api.of(context);
  const health = await api.ask("GET", "/health");
  const ready = await api.call("GET", "/ready");
  const { answer, views } = await fetchBackends(api);
  const leases = await api.ask("GET", "/leases");
  if (given.on("json")) {
    const whole = { health: health.json, ready: ready.json, backends: answer.json, leases: leases.json };
    out(`${JSON.stringify(whole)}\n`);
    return EXIT.ok;
  }
  const path = await metricsPathOf(api);
  const before = await fetchTraffic(api, path);
  if (before !== null) await Bun.sleep(LOOK_MS);
  const traffic = before === null ? null : await fetchTraffic(api, path);
  const version = traffic?.version ?? (await versionOf(api));
  const lines = [
    headline(api.connection.url, traffic, cleanText(version)),
    `ready      ${readiness(ready)}`,
    `backends   ${backendsLine(views)}`,
    ...trafficLines(before, traffic, views),
    `leases     ${numberOf(record(leases.json), "total") ?? 0} held`,
    `store      ${storeLine(record(health.json))}`,
    ...troubles(views),
  ];
  out(lines.map((line) => `${fit(line, columns)}\n`).join(""));
  return EXIT.ok;
}

function headline(url: string, traffic: Traffic | null, version: string): string {
  const uptime = traffic?.uptimeSeconds ?? null;
  return `opsen-server ${version} at ${url}${uptime === null ? "" : `, up ${span(uptime)}`}`;
}

/** The description of the API tells the version of servers whose metrics do not, or may not be read. */
async function versionOf(api: Api): Promise<string> {
  const { json } = await api.call("GET", "/swagger/json");
  return textOf(record(record(json).info), "version") ?? "(of unknown version)";
}

function readiness({ status: code, json }: ApiAnswer): string {
  if (code === 200) return "yes";
  return `no: ${cleanText(textOf(record(json), "detail") ?? `status ${code}`)}`;
}

function backendsLine(views: readonly BackendView[]): string {
  if (views.length === 0) return "none";
  const routable = views.filter((each) => each.routable).length;
  const counts = countByStatus(views).map(([name, count]) => `${count} ${cleanText(name)}`);
  return `${views.length}: ${counts.join(", ")}; ${routable} can take requests`;
}

function trafficLines(
  before: Traffic | null,
  traffic: Traffic | null,
  views: readonly BackendView[],
): readonly string[] {
  const inFlight = views.reduce((sum, each) => sum + each.inFlight, 0);
  if (traffic === null) return [`traffic    ${inFlight} in flight (no metrics to tell more)`];
  const rate = rateBetween(before, traffic);
  const rates = rate === null ? "" : `${short(rate.requests)} requests/s, ${short(rate.errors)} errors/s, `;
  const classes = Object.entries(traffic.byClass)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${grouped(count)}`);
  const answers = Object.values(traffic.byClass).reduce((sum, count) => sum + count, 0);
  const share = answers === 0 ? 0 : (traffic.errors / answers) * 100;
  // Answers of management are among them, so that there may be more answers than requests.
  const split = classes.length === 0 ? "" : `; answers ${classes.join(", ")}: ${share.toFixed(2)}% errors`;
  return [
    `traffic    ${rates}${inFlight} in flight`,
    `in all     ${grouped(traffic.requests)} requests${split}`,
  ];
}

function storeLine(health: Json): string {
  const degraded = textOf(health, "degraded");
  return degraded === null ? "in order" : `DEGRADED: ${cleanText(degraded)}`;
}

function troubles(views: readonly BackendView[]): readonly string[] {
  const troubled = views.filter((each) => !each.routable);
  if (troubled.length === 0) return [];
  const lines = troubled
    .slice(0, MAX_TROUBLES)
    .map(
      ({ id, status: state, reason }) =>
        `  ${cleanText(`${id}: ${state}${reason === "" ? "" : ` (${reason})`}`)}`,
    );
  const left = troubled.length - lines.length;
  return [
    "",
    "without requests:",
    ...lines,
    ...(left > 0 ? [`  and ${left} more: opsen-server backends`] : []),
  ];
}

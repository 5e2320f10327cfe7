/** The table of all metrics in docs/monitoring.md, written from the catalogue. */
import type { ServerConfig } from "../../../core/config/schema/server-schema.ts";
import { catalogue, namePrefix } from "./catalogue.ts";

const BEGIN = "<!-- metrics: written by npm run docs -->";
const END = "<!-- end of metrics -->";

/** Gives the page with its table as the catalogue has it; throws when the page has no place for one. */
export function withMetricsTable(page: string, config: ServerConfig): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin)
    throw new Error(`docs/monitoring.md must have a line ${BEGIN} and then ${END}`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${metricsTable(config)}\n${page.slice(end)}`;
}

function metricsTable(config: ServerConfig): string {
  const rows = catalogue(config).map(({ name, type, labels, help, isCommon }) => {
    const full = isCommon === true ? name : `${namePrefix(config)}${name}`;
    const shown = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${full}\` | ${type} | ${shown} | ${help} |\n`;
  });
  return `| metric | type | labels | meaning |\n|---|---|---|---|\n${rows.join("")}`;
}

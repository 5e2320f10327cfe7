/** The obligations of a proxy that are data, by their ids. */
import { BODIES } from "../../conformance/rows/bodies.ts";
import { EXCHANGE } from "../../conformance/rows/exchange.ts";
import { HEADERS } from "../../conformance/rows/headers.ts";
import { LIMITS } from "../../conformance/rows/limits.ts";
import { PATHS } from "../../conformance/rows/paths.ts";
import { START_LINE } from "../../conformance/rows/start-line.ts";
import { table } from "./table.ts";

for (const { config, rows } of [START_LINE, HEADERS, BODIES, EXCHANGE, PATHS, LIMITS].flat()) {
  await table(config, rows);
}

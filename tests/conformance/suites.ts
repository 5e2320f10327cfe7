/** Everything that can be asked of a proxy over HTTP/1.1, as suites that run at any proxy. */
import { H1SPEC_CASES, h1spec } from "./h1spec.ts";
import { judge, type Obligation } from "./obligation.ts";
import { respondAsOrigin } from "./origin.ts";
import { PROBE_CASES, probe } from "./probe.ts";
import { BODIES } from "./rows/bodies.ts";
import { EXCHANGE } from "./rows/exchange.ts";
import { HEADERS } from "./rows/headers.ts";
import { PATHS } from "./rows/paths.ts";
import { START_LINE } from "./rows/start-line.ts";
import { RESPONSE_ROWS, ROWS, type Row } from "./smuggling-rows.ts";
import type { ProxyUnderTest, Stand } from "./stand.ts";
import { judgeRequest, judgeResponse } from "./verdict.ts";

export interface Finding {
  readonly suite: string;
  readonly id: string;
  readonly about: string;
  /** Null is a pass. */
  readonly fault: string | null;
}

export interface ConformanceSuite {
  readonly name: string;
  readonly title: string;
  readonly run: (
    stand: Stand<ProxyUnderTest>,
    wants: (id: string) => boolean,
    found: (finding: Finding) => void,
  ) => Promise<void>;
}

/** Rows that need no configuration of the product's own. */
const OBLIGATIONS: readonly Obligation[] = [START_LINE, HEADERS, BODIES, EXCHANGE, PATHS]
  .flat()
  .filter(({ config }) => Object.keys(config).every((key) => key === "proxy_max_request_body_bytes"))
  .flatMap(({ rows }) => rows);

/** Far more than the deadlines within a row add up to. */
const ROW_LIMIT_MS = 60_000;
/** Cases of a catalogue that run at one time: each waits on a connection of its own. */
const AT_ONCE = 8;

export const SUITES: readonly ConformanceSuite[] = [
  {
    name: "smuggling",
    title: "Smuggling, requests (S01 to S137)",
    run: (stand, wants, found) =>
      each(ROWS, wants, async (row) => {
        const seen = await stand.run(row.octets, { halfClose: row.other === "abort" });
        found({ suite: "smuggling", id: row.id, about: row.about, fault: judgeRequest(row, seen) });
      }),
  },
  {
    name: "responses",
    title: "Smuggling, responses (groups A to D)",
    run: (stand, wants, found) =>
      each(RESPONSE_ROWS, wants, async (row: Row) => {
        const target = `/asked-${row.id.replaceAll(" ", "-")}`;
        const request = `GET ${target} HTTP/1.1\r\nHost: t\r\n\r\n`;
        const seen = await stand.run(request, { reply: row.octets });
        found({ suite: "responses", id: row.id, about: row.about, fault: judgeResponse(row, seen, target) });
      }),
  },
  {
    name: "obligations",
    title: "Obligations (C rows that are data)",
    run: (stand, wants, found) =>
      each(OBLIGATIONS, wants, async (row) => {
        const octets = typeof row.send === "string" ? row.send : row.send(stand.facts);
        const seen = await stand.run(octets, row);
        found({ suite: "obligations", id: row.id, about: row.about, fault: judge(row, seen) });
      }),
  },
  {
    name: "probe",
    title: "Http11Probe, scored cases",
    run: (stand, wants, found) =>
      catalogue(stand, PROBE_CASES, wants, async (row, { port, host }) => {
        const verdict = await probe(row, port, host);
        found({
          suite: "probe",
          id: row.id,
          about: row.about,
          fault: verdict === "fail" ? "not as the rules say" : null,
        });
      }),
  },
  {
    name: "h1spec",
    title: "h1spec",
    run: (stand, wants, found) =>
      catalogue(stand, H1SPEC_CASES, wants, async (row, { port, host }) => {
        found({ suite: "h1spec", id: row.id, about: row.about, fault: await h1spec(row, port, host) });
      }),
  },
];

async function each<T extends { readonly id: string }>(
  rows: readonly T[],
  wants: (id: string) => boolean,
  run: (row: T) => Promise<void>,
): Promise<void> {
  for (const row of rows) {
    if (!wants(row.id)) continue;
    const isOver = await within(ROW_LIMIT_MS, run(row));
    if (!isOver) throw new Error(`${row.id} does not end`);
  }
}

/** Tells whether work ended in time; it goes on in any case. */
async function within(limitMs: number, work: Promise<void>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, limitMs, false);
  const isOver = await Promise.race([work.then(() => true), promise]);
  clearTimeout(timer);
  return isOver;
}

async function catalogue<T extends { readonly id: string }>(
  stand: Stand<ProxyUnderTest>,
  rows: readonly T[],
  wants: (id: string) => boolean,
  run: (row: T, target: ProxyUnderTest["target"]) => Promise<void>,
): Promise<void> {
  const queue = rows.filter(({ id }) => wants(id));
  const takeTurns = async (): Promise<void> => {
    for (let row = queue.shift(); row !== undefined; row = queue.shift()) {
      await run(row, stand.server.target);
    }
  };
  await stand.serve(respondAsOrigin, () =>
    Promise.all(Array.from({ length: AT_ONCE }, takeTurns)).then(() => {}),
  );
}

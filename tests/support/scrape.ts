/** Reads the metrics of a server under test. */
import { expect } from "bun:test";
import { eventually } from "./eventually.ts";
import { type Metrics, readMetrics } from "./prometheus.ts";
import type { TestServer } from "./server.ts";

const FORMAT = "text/plain; version=0.0.4; charset=utf-8";

/** Gives the metrics as they are. */
export async function scrape(server: TestServer): Promise<Metrics> {
  const answer = await server.call("GET", "/metrics");
  expect(answer.status).toBe(200);
  expect(answer.header("content-type")).toBe(FORMAT);
  return readMetrics(answer.text);
}

/**
 * Gives the metrics once so many requests have been counted: a worker counts a request when its answer is on its way, and
 * another thread may be asked before that.
 */
export function scrapeAfter(server: TestServer, requests: number, prefix = "opsen_"): Promise<Metrics> {
  return eventually(`${requests} requests are counted`, async () => {
    const metrics = await scrape(server);
    let ended = 0;
    for (const [series, value] of metrics.families.get(`${prefix}requests_total`)?.samples ?? []) {
      if (series.startsWith(`${prefix}requests_total{`)) ended += value;
    }
    return ended >= requests && metrics;
  });
}

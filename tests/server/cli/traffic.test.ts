/** Rates out of the text format of Prometheus. */
import { describe, expect, test } from "bun:test";
import { rateBetween, type Traffic, trafficOf } from "../../../server/cli/traffic.ts";

const PLAIN = `# HELP opsen_requests_total Requests.
# TYPE opsen_requests_total counter
opsen_requests_total 120
opsen_route_requests_total 7
opsen_responses_total{class="2xx"} 100
opsen_responses_total{class="5xx"} 20
`;

const NAMED = `lb_http_build_info{env="prod",runtime="bun 1.4.5",version="0.2.0"} 1
lb_http_requests_total{env="prod"} 5
lb_http_backend_requests_total{env="prod",backend="a"} 3
lb_http_responses_total{env="prod",class="4xx"} 5
process_start_time_seconds 1000
`;

function traffic(over: Partial<Traffic>): Traffic {
  return { atMs: 0, requests: 0, errors: 0, byClass: {}, uptimeSeconds: null, version: null, ...over };
}

describe("the counters", () => {
  test("with the usual names", () => {
    expect(trafficOf(PLAIN, 5, 0)).toEqual({
      atMs: 5,
      requests: 120,
      errors: 20,
      byClass: { "2xx": 100, "5xx": 20 },
      uptimeSeconds: null,
      version: null,
    });
  });

  test("with names and labels of the operator's, version and start", () => {
    expect(trafficOf(NAMED, 5, 1_060_000)).toEqual({
      atMs: 5,
      requests: 5,
      errors: 0,
      byClass: { "4xx": 5 },
      uptimeSeconds: 60,
      version: "0.2.0",
    });
  });

  test("of something else are none", () => {
    expect(trafficOf("<html>", 0, 0)).toBeNull();
    expect(trafficOf("", 0, 0)).toBeNull();
  });
});

test("a rate is what came in between, by the clock; none over a new start", () => {
  const before = traffic({ atMs: 1000, requests: 10, errors: 1 });
  expect(rateBetween(before, traffic({ atMs: 3000, requests: 30, errors: 2 }))).toEqual({
    requests: 10,
    errors: 0.5,
  });
  expect(rateBetween(before, traffic({ atMs: 3000, requests: 3 }))).toBeNull();
  expect(rateBetween(before, before)).toBeNull();
  expect(rateBetween(null, before)).toBeNull();
});

import { describe, expect, test } from "bun:test";
import { newPickQuery, Pick } from "../../../../core/balancing/pick.ts";
import type { Place } from "../../../../core/scoring/index.ts";
import { hashStickyId } from "../../../../core/table/sticky-table.ts";
import { type Json, number, record, records, string } from "../../../support/json.ts";
import { seeded } from "../../../support/seeded.ts";
import { type ApiUnderTest, expectProblem, join, startApi, textLike } from "./support.ts";

interface Explained {
  readonly tier: string;
  readonly chosen: unknown;
  readonly backends: readonly Json[];
}

async function explain(
  api: ApiUnderTest,
  asked: object,
  headers: Record<string, string> = {},
): Promise<Explained> {
  const answer = await api.call("POST", "/route/explain", { body: asked, headers });
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
  const body = record(answer.json);
  return { tier: string(body.tier), chosen: body.chosen, backends: records(body.backends) };
}

test("every backend with its filter or its terms, which add up to the score", async () => {
  using api = startApi({ config: "score_weights: { cpu: 2, gpu: 3, distance: 0.5 }\n" });
  await join(api, "calm", {
    cpu: [10, 30, 50, 70],
    memoryGb: [10, 40],
    registration: { latitude: 0, longitude: 10 },
  });
  await join(api, "hot", { cpu: [99, 98, 97] });
  await join(api, "small", { memoryGb: [1, 2] });
  const { tier, chosen, backends } = await explain(api, { tier: "medium", client_lat: 0, client_lon: 11 });
  expect({ tier, chosen }).toEqual({ tier: "medium", chosen: "calm" });
  const km = (6371 * Math.PI) / 180;
  expect(backends[0]).toMatchObject({
    client_id: "calm",
    eligible: true,
    reason: null,
    in_flight: 0,
    leases: 0,
    report_age_seconds: 0,
  });
  // The two least loaded cores are at 20 % on average; 10 of 40 GB are in use.
  expect(record(backends[0]?.terms)).toMatchObject({ cpu: 40, memory: 25, gpu: 0, latency: 0 });
  expect(number(record(backends[0]?.terms).distance)).toBeCloseTo(km / 2, 6);
  expect(number(backends[0]?.score)).toBeCloseTo(65 + km / 2, 6);
  expect(backends[1]).toMatchObject({
    client_id: "hot",
    eligible: false,
    score: null,
    reason: textLike(/0 of 0 cores free/),
  });
  expect(backends[2]).toMatchObject({
    client_id: "small",
    eligible: false,
    reason: textLike(/1 GB free/),
  });
});

test("without backends nothing is chosen", async () => {
  using api = startApi();
  expect(await explain(api, {})).toEqual({ tier: "lite", chosen: null, backends: [] });
});

test("the default tier is the configured one", async () => {
  using api = startApi({ config: "tiers: [{ name: a }, { name: b }]\ndefault_tier: b\n" });
  expect((await explain(api, {})).tier).toBe("b");
  expect((await explain(api, { tier: "" })).tier).toBe("b");
});

test("an unknown tier and wrong fields are named", async () => {
  using api = startApi();
  const unknown = await api.call("POST", "/route/explain", { body: { tier: "gigantic" } });
  expectProblem(unknown, 400);
  expect(unknown.json).toMatchObject({
    errors: [{ field: "tier", got: "gigantic", rule: textLike(/lite/) }],
  });
  const wrong = await api.call("POST", "/route/explain", { body: { tier: 1, client_lat: 91 } });
  expect(wrong.json).toMatchObject({ errors: [{ field: "tier" }, { field: "client_lat" }] });
});

test("nothing is taken", async () => {
  using api = startApi();
  await join(api, "b1", { cpu: [0] });
  for (let count = 0; count < 50; count++) expect((await explain(api, {})).chosen).toBe("b1");
  expect((await api.call("GET", "/leases")).json).toEqual({ total: 0, leases: [] });
});

describe("the path", () => {
  test("removes backends that do not serve it when another does", async () => {
    using api = startApi();
    await join(api, "any", { cpu: [50, 50] });
    await join(api, "api", {
      registration: { endpoints: [{ url: "http://127.0.0.1:9001", paths: ["/api"] }] },
    });
    expect((await explain(api, { path: "/other?x=/api" })).chosen).toBe("any");
    expect((await explain(api, { path: "/api/users?x" })).chosen).toBe("api");
    expect((await explain(api, {})).chosen).toBe("api");
  });
});

describe("the client's place", () => {
  const PARIS = { latitude: 48.86, longitude: 2.35 };
  const TOKYO = { latitude: 35.68, longitude: 139.69 };
  test("comes from the body, else from client_ip, else from the caller's address", async () => {
    using api = startApi({ location: located });
    await join(api, "paris", { registration: PARIS });
    await join(api, "tokyo", { registration: TOKYO, cpu: [1, 1, 1, 1] });
    expect((await explain(api, { client_lat: 50, client_lon: 3, client_ip: "203.0.113.9" })).chosen).toBe(
      "paris",
    );
    expect((await explain(api, { client_ip: "203.0.113.9" })).chosen).toBe("tokyo");
    const caller = await api.call("POST", "/route/explain", { body: {}, peer: "203.0.113.9" });
    expect(caller.json).toMatchObject({ chosen: "tokyo" });
    expect((await explain(api, {})).chosen).toBe("paris");
  });
});

describe("sessions", () => {
  test("keep their backend though another is better by now", async () => {
    using api = startApi({ config: "sticky_header: X-Session-ID\n" });
    await join(api, "b1", { cpu: [10, 10] });
    await join(api, "b2", { cpu: [20, 20] });
    const kept = keep(api, "alice");
    expect(kept).toBe("b1");
    await join(api, "b2", { cpu: [0, 0] });
    expect((await explain(api, {}, { "X-Session-ID": " alice " })).chosen).toBe("b1");
    expect((await explain(api, {}, { "X-Session-ID": "bob" })).chosen).toBe("b2");
    expect((await explain(api, {})).chosen).toBe("b2");
  });

  test("by address, which client_ip may name", async () => {
    using api = startApi({ config: "sticky_by_ip: true\n" });
    await join(api, "b1", { cpu: [10, 10] });
    await join(api, "b2", { cpu: [20, 20] });
    keep(api, "203.0.113.9");
    await join(api, "b2", { cpu: [0, 0] });
    expect((await explain(api, { client_ip: "203.0.113.9" })).chosen).toBe("b1");
    expect((await explain(api, {})).chosen).toBe("b2");
  });
});

test("chooses what the picker then picks, over random fleets", async () => {
  const random = seeded(7);
  for (let fleet = 0; fleet < 20; fleet++) {
    using api = startApi();
    const size = random.below(6);
    for (let at = 0; at < size; at++) {
      await join(api, `b${at}`, {
        cpu: Array.from({ length: 1 + random.below(6) }, () => random.below(101)),
        memoryGb: [random.below(65), 64],
        registration: { latitude: random.below(120) - 60, longitude: random.below(300) - 150 },
      });
    }
    for (let round = 0; round < 5; round++) {
      const { chosen } = await explain(api, { tier: "medium" });
      const query = newPickQuery(6);
      query.nowMs = api.nowMs;
      query.kind = "route";
      const pick = new Pick();
      const picked = api.picker.pick(query, pick) === "picked";
      expect(chosen).toBe(picked ? `b${pick.row}` : null);
    }
  }
});

/** Lets the picker assign a session of the tier lite, and names its backend. */
function keep(api: ApiUnderTest, id: string): string | null {
  const query = newPickQuery(1);
  query.nowMs = api.nowMs;
  const { hi, lo } = hashStickyId(id);
  Object.assign(query, { sticky: true, stickyHi: hi, stickyLo: lo });
  const pick = new Pick();
  expect(api.picker.pick(query, pick)).toBe("picked");
  return ["b1", "b2"][pick.row] ?? null;
}

function located(ip: string): Place | null {
  return ip === "203.0.113.9" ? { lat: 36, lon: 140 } : null;
}

/** Keys about strategies, and what they come to for the picker and the proxy. */
import { describe, expect, test } from "bun:test";
import { pickerOptions } from "../../../core/balancing/options.ts";
import { hashesRequests, proxiedPaths, strategyByPath } from "../../../core/balancing/path-strategies.ts";
import { toTiers } from "../../../core/scoring/index.ts";
import { server, serverErrors } from "./support.ts";

function optionsOf(text: string | null, env: Record<string, string> = {}): ReturnType<typeof pickerOptions> {
  const config = server(text, { env });
  return pickerOptions(config, toTiers(config).tiers);
}

describe("strategy", () => {
  test("is resource unless the file, LB_STRATEGY or the server's own variable says otherwise", () => {
    const own = { OPSEN_SERVER_STRATEGY: "random" };
    const theirs = { LB_STRATEGY: "leastconnections" };
    expect(optionsOf(null).strategy).toBe("resource");
    expect(optionsOf("strategy: Weighted").strategy).toBe("weighted_round_robin");
    expect(optionsOf("strategy: prequal", theirs).strategy).toBe("least_connections");
    expect(optionsOf("strategy: prequal", { ...theirs, ...own }).strategy).toBe("random");
    expect(optionsOf("strategy: prequal", { LB_STRATEGY: "" }).strategy).toBe("prequal");
  });

  test("that is unknown is named with the nearest known one, wherever it stands", () => {
    const names =
      "resource, round_robin, weighted_round_robin, least_connections, random, ip_hash, power_of_two, least_time, prequal";
    expect(serverErrors("strategy: round_robbin")).toEqual([
      `test.yml:1: strategy: must be one of ${names}, got "round_robbin"; did you mean round_robin?`,
    ]);
    expect(serverErrors("strategy: magic")).toEqual([
      `test.yml:1: strategy: must be one of ${names}, got "magic"`,
    ]);
    const [environment] = serverErrors(null, { env: { LB_STRATEGY: "leest_conections" } });
    expect(environment).toContain("environment LB_STRATEGY");
    expect(environment).toContain("did you mean least_connections?");
    const nested =
      "tiers: [{ name: a, strategy: prequel }]\nproxy_endpoints: [/, { path: /x, strategy: rand0m }]";
    const errors = serverErrors(nested);
    expect(errors[0]).toContain("tiers[0].strategy");
    expect(errors[0]).toContain("did you mean prequal?");
    expect(errors[1]).toContain("proxy_endpoints[1].strategy");
    expect(errors[1]).toContain("did you mean random?");
    expect(serverErrors("balancing_strategy: random")[0]).toContain("did you mean strategy?");
  });

  test("of a tier is the picker's for that tier alone", () => {
    const { tiers } = optionsOf("tiers: [{ name: a }, { name: b, strategy: least_conn }]");
    expect(tiers.map(({ strategy }) => strategy)).toEqual([undefined, "least_connections"]);
  });
});

describe("proxy_endpoints", () => {
  const text = `
proxy_endpoints:
  - /
  - path: /api
    strategy: leastconn
  - { path: /api/chat, strategy: ip_hash }
  - /api/chat/public
  - { path: /files }
`;

  test("may be paths or objects; the longest prefix decides", () => {
    const { proxy_endpoints: endpoints } = server(text);
    expect(proxiedPaths(endpoints)).toEqual(["/", "/api", "/api/chat", "/api/chat/public", "/files"]);
    const strategyOf = strategyByPath(endpoints);
    const paths = ["/", "/api", "/api/x", "/apiary", "/api/chat/1", "/api/chat/public/1", "/files/a"];
    expect(paths.map((path) => strategyOf?.(path))).toEqual([
      null,
      "least_connections",
      "least_connections",
      null,
      "ip_hash",
      null,
      null,
    ]);
  });

  test("the names for all paths may have a strategy, which counts for what no other entry covers", () => {
    for (const all of ["/", "*", "/*"]) {
      const strategyOf = strategyByPath([{ path: all, strategy: "random" }, "/api"]);
      expect([strategyOf?.("/x"), strategyOf?.("/api/x")]).toEqual(["random", null]);
    }
    expect(strategyByPath(["/", "/api", { path: "/x" }])).toBeNull();
  });

  test("an object without a path, or with more keys, is an error", () => {
    expect(serverErrors("proxy_endpoints: [{ strategy: random }]")[0]).toContain("proxy_endpoints[0].path");
    expect(serverErrors("proxy_endpoints: [{ path: /a, strategie: random }]")[0]).toContain(
      "did you mean strategy?",
    );
  });

  test("the key of ip_hash is asked for where any request may go by it", () => {
    const texts = [
      text,
      "strategy: iphash",
      "tiers: [{ name: a, strategy: ip_hash }]",
      "strategy: random\nproxy_endpoints: [/, { path: /a, strategy: prequal }]",
    ];
    expect(texts.map((each) => hashesRequests(server(each)))).toEqual([true, true, true, false]);
  });
});

test("a balance factor of at most 1 is refused", () => {
  expect(serverErrors("ip_hash_balance_factor: 0.9")[0]).toContain("must be 0 or above 1, got 0.9");
  expect(serverErrors("ip_hash_balance_factor: 1")).toHaveLength(1);
  expect(optionsOf("ip_hash_balance_factor: 1.25").hashBalanceFactor).toBe(1.25);
});

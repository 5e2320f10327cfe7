import { expect, test } from "bun:test";
import { makeLookup } from "../../../server/names/lookup.ts";
import { NameResolver } from "../../../server/names/name-resolver.ts";
import { DnsServer } from "../../support/dns-server.ts";
import { failureOf } from "../control/fixtures.ts";

interface Answer {
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
}

/** A resolver over a table that a test changes, by a clock that it moves. */
function world() {
  const state = { nowMs: 0, lookups: 0, answer: null as Answer | null, stale: [] as string[] };
  const resolver = new NameResolver({
    lookup: async () => {
      state.lookups++;
      if (state.answer === null) throw new Error("no such name");
      return state.answer;
    },
    now: () => state.nowMs,
    onStale: (host) => void state.stale.push(host),
  });
  return {
    state,
    ask: () => resolver.addressesOf("h"),
    failed: (address: string) => resolver.failed("h", address),
  };
}

test("an answer is used for as long as it says, within bounds", async () => {
  const { state, ask } = world();
  for (const [ttlSeconds, freshMs] of [
    [0, 1000],
    [30, 30_000],
    [1e6, 3_600_000],
  ] as const) {
    state.answer = { addresses: ["10.0.0.1"], ttlSeconds };
    state.nowMs += 1e9;
    const before = state.lookups;
    await ask();
    state.nowMs += freshMs - 1;
    await ask();
    expect(state.lookups).toBe(before + 1);
    state.nowMs += 1;
    await ask();
    expect(state.lookups).toBe(before + 2);
  }
});

test("askers at one time share one question", async () => {
  const { state, ask } = world();
  state.answer = { addresses: ["10.0.0.1"], ttlSeconds: 5 };
  await Promise.all(Array.from({ length: 100 }, ask));
  expect(state.lookups).toBe(1);
});

test("a name that resolves no more keeps its last addresses; one that never did has none", async () => {
  const { state, ask } = world();
  expect(await failureOf(ask())).toBe("no such name");
  expect(await failureOf(ask())).toBe("no such name");
  expect(state.lookups).toBe(1);
  state.nowMs += 2000;
  state.answer = { addresses: ["10.0.0.1"], ttlSeconds: 5 };
  expect(await ask()).toEqual(["10.0.0.1"]);
  state.answer = null;
  state.nowMs += 5000;
  expect(await ask()).toEqual(["10.0.0.1"]);
  expect(state.stale).toEqual(["h"]);
});

test("several addresses take turns, and one that failed comes last for a while", async () => {
  const { state, ask, failed } = world();
  state.answer = { addresses: ["a", "b", "c"], ttlSeconds: 3600 };
  const firsts = async (count: number): Promise<string> => {
    const got: string[] = [];
    for (let at = 0; at < count; at++) got.push((await ask())[0] ?? "");
    return got.join("");
  };
  expect(
    Array.from(await firsts(6))
      .toSorted()
      .join(""),
  ).toBe("aabbcc");
  failed("b");
  expect(await firsts(6)).not.toContain("b");
  expect((await ask()).toSorted()).toEqual(["a", "b", "c"]);
  expect((await ask()).at(-1)).toBe("b");
  state.nowMs += 10_000;
  expect(await firsts(6)).toContain("b");
});

test("the servers that are named are asked for both families, with their TTL", async () => {
  await using dns = await DnsServer.start();
  dns.records.set("both.test", { addresses: ["10.0.0.1", "10.0.0.2", "::1"], ttlSeconds: 17 });
  dns.records.set("none.test", { addresses: [], ttlSeconds: 17 });
  const lookup = makeLookup([`127.0.0.1:${dns.port}`]);
  expect(await lookup("both.test")).toEqual({ addresses: ["10.0.0.1", "10.0.0.2", "::1"], ttlSeconds: 17 });
  expect(await failureOf(lookup("none.test"))).not.toBeNull();
  expect(await failureOf(lookup("missing.test"))).not.toBeNull();
});

test("without servers the system says, its hosts file too", async () => {
  const { addresses } = await makeLookup([])("localhost");
  expect(addresses.some((address) => address === "127.0.0.1" || address === "::1")).toBe(true);
});

/** Probes of a process that did not run: after SIGSTOP, or on a machine that slept. */
import { expect, test } from "bun:test";
import { parseEndpointUrl } from "../../../../core/plane/endpoint-url.ts";
import { probe } from "../../../../server/control/health/probe.ts";
import { Prober } from "../../../../server/control/health/prober.ts";

function originOf(url: string) {
  const parsed = parseEndpointUrl(url);
  if (!parsed.ok) throw new Error(parsed.rule);
  return parsed.endpoint.origin;
}

test("a probe whose time ran out while the process did not run says nothing", async () => {
  using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const probing = probe(originOf(`http://127.0.0.1:${server.port}`), {
    type: "http",
    timeoutMs: 20,
    path: "/",
    tls: { serverName: "", verify: true, ca: "" },
    names: { addressesOf: async () => ["127.0.0.1"], failed: () => {} },
    refusal: () => null,
  });
  // A loop that is not free is to its timers as a process that is stopped.
  const endMs = performance.now() + 1100;
  while (performance.now() < endMs);
  const outcome = await probing;
  expect(outcome).toMatchObject({ ok: false, isVoid: true });
});

test("what says nothing changes nothing, and is asked again", async () => {
  let probes = 0;
  const third = Promise.withResolvers<void>();
  const told: boolean[] = [];
  const prober = new Prober({
    isEnabled: true,
    intervalMs: 1,
    thresholds: { healthy: 1, unhealthy: 1 },
    probe: async () => {
      if (++probes === 3) third.resolve();
      return probes === 1
        ? { ok: true, latencyMs: 1 }
        : { ok: false, reason: "no answer in time", isVoid: true };
    },
    onProbe: ({ outcome }) => void told.push(outcome.ok),
    random: () => 0,
  });
  const url = "http://10.0.0.1";
  const endpoints = [{ url, origin: originOf(url) }];
  prober.watch({ row: 0, generation: 1, clientId: "a", hostname: "", endpoints, pathGroup: 0 });
  await third.promise;
  expect(prober.healthOf("a")?.status).toBe("healthy");
  expect(told).toEqual([true]);
  prober.stop();
});

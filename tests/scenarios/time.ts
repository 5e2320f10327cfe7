/** Time that misbehaves: a process that does not run for a while, and a wall clock that is set. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FakeAgent } from "../support/fake-agent.ts";
import { number, record, records, string } from "../support/json.ts";
import { TestServer } from "../support/server.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";
import { startBackend, TIER } from "./failover.ts";
import { percentile, runLoad } from "./load.ts";

export interface FreezeResult {
  readonly sent: number;
  readonly failed: number;
  readonly failures: readonly string[];
  /** Backends that are routable afterwards, of three. */
  readonly routable: number;
  readonly breakersOpened: number;
  /** 99th percentile of requests that were due once the process ran again. */
  readonly p99AfterMs: number;
}

const PER_SECOND = 100;
const AROUND_SECONDS = 4;

/** Stops the server for so long under load with every timeout far below that, and lets it go on. */
export async function freeze(seconds: number): Promise<FreezeResult> {
  const backends = await Promise.all([startBackend(), startBackend(), startBackend()]);
  await using server = await TestServer.start({
    config: {
      tiers: [TIER],
      default_tier: "any",
      health_check_enabled: true,
      health_check_interval_seconds: 1,
      health_check_timeout_seconds: 1,
      request_timeout_seconds: 2,
      read_header_timeout_seconds: 2,
      idle_timeout_seconds: 2,
    },
  });
  for (const [at, { port }] of backends.entries()) {
    await FakeAgent.join(server, { id: `b${at}`, cores: 256, endpoint: `http://127.0.0.1:${port}` });
  }
  const total = 2 * AROUND_SECONDS + seconds;
  const wakeMs = (AROUND_SECONDS + seconds) * 1000;
  const result = await runLoad({
    url: `${server.url}/x`,
    perSecond: PER_SECOND,
    seconds: total,
    giveUpMs: wakeMs + 30_000,
    events: [
      { atMs: AROUND_SECONDS * 1000, run: () => server.child.kill("SIGSTOP") },
      { atMs: wakeMs, run: () => server.child.kill("SIGCONT") },
    ],
  });
  const clients = records((await server.call("GET", "/clients")).json);
  const metrics = (await server.call("GET", "/metrics")).text;
  for (const { child } of backends) await child[Symbol.asyncDispose]();
  return {
    sent: result.sent,
    failed: result.failed,
    failures: result.failures,
    routable: clients.filter(({ routable }) => routable === true).length,
    breakersOpened: Number(/^opsen_breakers_opened_total (\d+)$/m.exec(metrics)?.[1]),
    p99AfterMs: percentile(result.latencies.slice(-2 * PER_SECOND), 0.99),
  };
}

export interface ClockResult {
  readonly jumps: number;
  readonly sent: number;
  readonly failed: number;
  /** Checks that did not hold after a jump, in words. */
  readonly faults: readonly string[];
}

/** What the Debian package faketime installs, by architecture. */
const FAKETIME = [`x86_64`, `aarch64`].map(
  (machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`,
);
const JUMPS = ["+1h", "-1h", "+1d", "-1d", "-20000d", "+20000d", "+0"];
const SETTLE_MS = 1500;

/** Sets the wall clock of the server to and fro under load; null where libfaketime is not installed. */
export async function clockJumps(): Promise<ClockResult | null> {
  const library = FAKETIME.find((path) => existsSync(path));
  if (library === undefined) return null;
  const dir = makeTempDir();
  const stamp = join(dir, "stamp");
  writeFileSync(stamp, "+0");
  const backends = await Promise.all([startBackend(), startBackend()]);
  await using server = await TestServer.start({
    config: {
      tiers: [TIER],
      default_tier: "any",
      sticky_header: "X-Session",
      sticky_ttl_seconds: 600,
      pending_allocation_timeout_seconds: 600,
      cleanup_interval_seconds: 1,
    },
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: stamp,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    },
  });
  const agents: FakeAgent[] = [];
  for (const [at, { port }] of backends.entries()) {
    agents.push(
      await FakeAgent.join(server, { id: `b${at}`, cores: 256, endpoint: `http://127.0.0.1:${port}` }),
    );
  }
  const holder = await backendOf(server);
  const lease = string(record((await server.call("POST", "/route", { json: {} })).json).lease_id);
  const load = runLoad({
    url: `${server.url}/x`,
    perSecond: PER_SECOND,
    seconds: ((JUMPS.length + 1) * SETTLE_MS) / 1000,
  });
  const faults: string[] = [];
  for (const jump of JUMPS) {
    writeFileSync(stamp, jump);
    await Bun.sleep(SETTLE_MS);
    for (const fault of await faultsOf(server, agents, { holder, lease })) faults.push(`${jump}: ${fault}`);
  }
  const { sent, failed } = await load;
  for (const { child } of backends) await child[Symbol.asyncDispose]();
  removeDir(dir);
  return { jumps: JUMPS.length, sent, failed, faults };
}

async function faultsOf(
  server: TestServer,
  agents: readonly FakeAgent[],
  kept: { readonly holder: string; readonly lease: string },
): Promise<string[]> {
  const faults: string[] = [];
  for (const agent of agents) {
    const answer = record((await agent.report()).json);
    if (answer.status !== "ok") faults.push(`a report is ${string(answer.status)}`);
  }
  const clients = records((await server.call("GET", "/clients")).json);
  const serving = clients.filter(({ routable }) => routable === true).length;
  if (serving !== agents.length) faults.push(`${serving} backends are routable`);
  if ((await backendOf(server)) !== kept.holder) faults.push("the session has moved");
  const leases = records(record((await server.call("GET", "/leases")).json).leases);
  const lease = leases.find(({ lease_id }) => lease_id === kept.lease);
  if (lease === undefined) faults.push("the lease is gone");
  else if (Math.abs(number(lease.expires_in_seconds) + number(lease.held_seconds) - 600) > 5) {
    faults.push("the lease has another age");
  }
  return faults;
}

/** Which backend a session is bound to. */
async function backendOf(server: TestServer): Promise<string> {
  const answer = await server.call("POST", "/route", { json: {}, headers: { "X-Session": "s" } });
  return string(record(answer.json).client_id);
}

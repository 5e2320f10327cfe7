/**
 * `npm run scenarios`: failures and hostile peers at full length, with figures. Runs on loopback for some fourteen minutes.
 * An argument names the one to run.
 */
import { swapCertificates } from "./certificates.ts";
import { failover } from "./failover.ts";
import { cutResponses, resetPosts, staleConnections } from "./faults.ts";
import { liveChange } from "./live-change.ts";
import { amplification, drainUnderLoad, flap, overload, stampede, stopUnderLoad } from "./operations.ts";
import { type StallKind, stall } from "./stalls.ts";
import { clockJumps, freeze } from "./time.ts";
import { idleTunnels } from "./tunnels.ts";

const STALLS: readonly (readonly [StallKind, number])[] = [
  ["downloads", 200],
  ["uploads", 200],
  ["websockets", 200],
  ["handshakes", 5000],
  ["hellos", 5000],
];
const STALL_SECONDS = 10;
const CERTIFICATE_SWAPS = 50;
const STALE_REQUESTS = 10_000;
const FAULTS = 100_000;
const TUNNELS = 5000;
const LIVE_CHANGE = { requests: 100_000, changes: 50, sockets: 200 };
const FREEZE_SECONDS = 30;
const FAILOVER_PER_SECOND = 500;
const FAILOVER_SECONDS = 162;

/** Name and run of each, in order; a list in the figures is what went wrong. */
const SCENARIOS: readonly (readonly [name: string, run: () => Promise<object | null>])[] = [
  ["failover", () => failover(FAILOVER_PER_SECOND, FAILOVER_SECONDS)],
  ["flap", () => flap(200, 60)],
  ["drain", () => drainUnderLoad(FAILOVER_PER_SECOND, 100)],
  ["stop", () => stopUnderLoad(300, 20)],
  ["amplification", () => amplification(300, 20)],
  ["overload", () => overload(15)],
  ["stampede", () => stampede(1000, 10)],
  ["certificates", () => swapCertificates(CERTIFICATE_SWAPS)],
  ["freeze", () => freeze(FREEZE_SECONDS)],
  ["clock", clockJumps],
  ["stale", () => staleConnections(STALE_REQUESTS)],
  ["cuts", () => cutResponses(FAULTS)],
  ["resets", () => resetPosts(FAULTS)],
  ["live", () => liveChange(LIVE_CHANGE)],
  ["tunnels", () => idleTunnels(TUNNELS)],
  ...STALLS.map(([kind, peers]) => [kind, () => stall(kind, peers, STALL_SECONDS)] as const),
];

async function main([chosen]: readonly string[]): Promise<void> {
  const run = SCENARIOS.filter(([name]) => chosen === undefined || chosen === name);
  if (run.length === 0) {
    console.error(`there is no ${chosen}; one of ${SCENARIOS.map(([name]) => name).join(", ")}`);
    process.exitCode = 2;
  }
  for (const [name, scenario] of run) show(name, await scenario());
}

function show(name: string, figures: object | null): void {
  if (figures === null) {
    console.log(`${name}: left out, libfaketime is not installed`);
    return;
  }
  const parts = Object.entries(figures).map(([key, value]: [string, unknown]) =>
    Array.isArray(value) ? `${key} [${value.join("; ")}]` : `${key} ${Math.round(Number(value) * 10) / 10}`,
  );
  console.log(`${name}: ${parts.join(", ")}`);
}

await main(process.argv.slice(2));

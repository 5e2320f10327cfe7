/**
 * `npm run scenarios`: failures and hostile peers at full length, with figures. Runs on loopback for some seven minutes.
 * An argument names the one to run: failover, certificates, downloads, uploads, websockets, handshakes, hellos.
 */
import { swapCertificates } from "./certificates.ts";
import { failover } from "./failover.ts";
import { type StallKind, stall } from "./stalls.ts";

const STALLS: readonly (readonly [StallKind, number])[] = [
  ["downloads", 200],
  ["uploads", 200],
  ["websockets", 200],
  ["handshakes", 5000],
  ["hellos", 5000],
];
const STALL_SECONDS = 10;
const CERTIFICATE_SWAPS = 50;
const FAILOVER_PER_SECOND = 500;
const FAILOVER_SECONDS = 162;

async function main([chosen]: readonly string[]): Promise<void> {
  if (chosen === undefined || chosen === "failover") {
    const { failures, ...figures } = await failover(FAILOVER_PER_SECOND, FAILOVER_SECONDS);
    show("failover", figures);
    if (failures.length > 0) console.log(failures);
  }
  if (chosen === undefined || chosen === "certificates") {
    const { failures, ...figures } = await swapCertificates(CERTIFICATE_SWAPS);
    show("certificates", figures);
    if (failures.length > 0) console.log(failures);
  }
  for (const [kind, peers] of STALLS) {
    if (chosen === undefined || chosen === kind) show(kind, await stall(kind, peers, STALL_SECONDS));
  }
}

function show(name: string, figures: object): void {
  const parts = Object.entries(figures).map(
    ([key, value]) => `${key} ${Math.round(Number(value) * 10) / 10}`,
  );
  console.log(`${name}: ${parts.join(", ")}`);
}

await main(process.argv.slice(2));

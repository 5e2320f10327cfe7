/** The scenarios of `npm run scenarios`, short; figures that depend on the machine are not asserted. */
import { describe, expect, test } from "bun:test";
import { swapCertificates } from "../scenarios/certificates.ts";
import { failover } from "../scenarios/failover.ts";
import { cutResponses, resetPosts, staleConnections } from "../scenarios/faults.ts";
import { amplification, drainUnderLoad, flap, stampede, stopUnderLoad } from "../scenarios/operations.ts";
import { type StallKind, stall } from "../scenarios/stalls.ts";
import { freeze } from "../scenarios/time.ts";
import { idleTunnels } from "../scenarios/tunnels.ts";

const LIMIT_MS = 60_000;

describe("scenarios", () => {
  test(
    "a backend that is killed costs no GET and is ejected without a health check",
    async () => {
      const result = await failover(200, 6);
      expect(result.failures).toEqual([]);
      expect(result.failed).toBe(0);
      expect(result.sent).toBe(1200);
      expect(result.ejectedAfterMs).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );

  test(
    "certificates that are swapped under load cost no handshake",
    async () => {
      const { failures, failed, handshakes } = await swapCertificates(4);
      expect(failures).toEqual([]);
      expect(failed).toBe(0);
      expect(handshakes).toBeGreaterThan(4);
    },
    LIMIT_MS,
  );

  test(
    "no response that was cut looks whole, and none that was whole is cut",
    async () => {
      const { falseCompletions, broken, cut } = await cutResponses(3000);
      expect({ falseCompletions, broken }).toEqual({ falseCompletions: 0, broken: 0 });
      expect(cut).toBeGreaterThan(2000);
    },
    LIMIT_MS,
  );

  test(
    "no POST is executed twice, whenever its connection is reset",
    async () => {
      const { executedTwice, answered } = await resetPosts(3000);
      expect(executedTwice).toBe(0);
      expect(answered).toBeGreaterThan(1000);
    },
    LIMIT_MS,
  );

  test(
    "kept connections that end when they are used again cost no GET, and repeat no POST",
    async () => {
      const { failedGets, executedTwice, connections } = await staleConnections(1000);
      expect({ failedGets, executedTwice }).toEqual({ failedGets: 0, executedTwice: 0 });
      expect(connections).toBeGreaterThan(200);
    },
    LIMIT_MS,
  );

  test(
    "a backend that is drained gets nothing more, one that is put back does, and no request fails",
    async () => {
      const { failed, afterDrain, afterUndrain } = await drainUnderLoad(200, 6);
      expect({ failed, afterDrain }).toEqual({ failed: 0, afterDrain: 0 });
      expect(afterUndrain).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );

  test(
    "a backend that comes and goes costs no GET",
    async () => {
      expect(await flap(100, 8)).toEqual({ sent: 800, failed: 0, failures: [], kills: 2 });
    },
    LIMIT_MS,
  );

  test(
    "a server that stops answers everything that it has accepted",
    async () => {
      expect(await stopUnderLoad(100, 4)).toEqual({ sent: 400, lost: 0, exitCode: 0 });
    },
    LIMIT_MS,
  );

  test(
    "retries make a fifth of the load that fails, and what they may always be",
    async () => {
      const { sent, amplification: made } = await amplification(200, 5);
      // 10 for each of two workers at the start, and as many in 10 seconds.
      expect(made).toBeLessThan(1.2 + 40 / sent);
    },
    LIMIT_MS,
  );

  test(
    "a thousand agents that come in one moment are all registered",
    async () => {
      const { registered, failed } = await stampede(1000, 2);
      expect({ registered, failed }).toEqual({ registered: 1000, failed: 0 });
    },
    LIMIT_MS,
  );

  test(
    "a server that was stopped for longer than every timeout goes on as if nothing had been",
    async () => {
      const { failures, failed, routable, breakersOpened } = await freeze(5);
      expect(failures).toEqual([]);
      expect({ failed, routable, breakersOpened }).toEqual({ failed: 0, routable: 3, breakersOpened: 0 });
    },
    LIMIT_MS,
  );

  test(
    "idle WebSockets leave nothing behind, and hold a server that stops up no longer than its grace",
    async () => {
      const { filesBefore, filesMeanwhile, filesAfter, exitCode } = await idleTunnels(300);
      expect(filesMeanwhile).toBeGreaterThanOrEqual(filesBefore + 600);
      expect(filesAfter).toBeLessThanOrEqual(filesBefore + 4);
      expect(exitCode).toBe(0);
    },
    LIMIT_MS,
  );

  const kinds: readonly StallKind[] = ["downloads", "uploads", "websockets", "handshakes", "hellos"];
  test.each(kinds)(
    "20 stalled %s take nothing from others",
    async (kind) => {
      const { failed, grownMiB } = await stall(kind, 20, 1);
      expect(failed).toBe(0);
      // The limit for 200 of them holds for 20 of them.
      expect(grownMiB).toBeLessThan(100);
    },
    LIMIT_MS,
  );
});

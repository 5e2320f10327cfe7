/** Runs the public cache tests against the compiled server: `npm run cache-tests -- FOLDER [test id]`. */
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { FakeAgent } from "../../support/fake-agent.ts";
import { TestServer } from "../../support/server.ts";
import { makeTempDir, removeDir } from "../../support/temp-dir.ts";
import { outcomes, Suite, summary } from "./suite.ts";

const ORIGIN_DEADLINE_MS = 20_000;
/** For 25 tests at one time, whatever tier is the default. */
const ROOM = { cores: 256, memoryTotalGb: 512, memoryAvailGb: 500, diskTotalGb: 2000, diskAvailGb: 1900 };

const [folder, id = ""] = process.argv.slice(2);
if (folder === undefined) {
  console.error(
    "Name the folder of a clone of github.com/http-tests/cache-tests, with its packages installed.",
  );
  process.exit(2);
}
await main(new Suite(folder), id);

async function main(suite: Suite, one: string): Promise<void> {
  const dir = makeTempDir();
  const port = freePort();
  const origin = suite.startOrigin(port, join(dir, "origin.pid"));
  try {
    await eventually("the origin of the suite answers", () => answers(port), ORIGIN_DEADLINE_MS);
    // With more of them a request that comes at once may reach one that has not been told yet of what is stored.
    await using server = await TestServer.start({
      config: { workers: 1, cache_enabled: true, log_level: "warn" },
    });
    await FakeAgent.join(server, {
      id: "cache-tests",
      endpoint: `http://127.0.0.1:${port}`,
      ...ROOM,
    });
    const tests = one === "" ? await suite.list() : [];
    const results = await suite.run(server.url, one);
    if (one !== "") return;
    const all = outcomes(tests, results);
    for (const each of all.filter(({ passed }) => !passed)) {
      console.log(`${each.kind.padEnd(8)} ${each.id}: ${each.reason}`);
    }
    console.log(`\ncache-tests ${suite.version}:`);
    for (const line of summary(all)) console.log(line);
  } finally {
    origin[Symbol.dispose]();
    removeDir(dir);
  }
}

/** The suite cannot be told to choose one itself. */
function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

async function answers(port: number): Promise<boolean> {
  try {
    await fetch(`http://127.0.0.1:${port}/state/none`);
    return true;
  } catch {
    return false;
  }
}

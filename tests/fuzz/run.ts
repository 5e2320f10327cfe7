/**
 * `npm run fuzz`: the targets of the tests for as long as one likes, each in turn with ever new seeds.
 *
 *   npm run fuzz -- --minutes 60       default: 1
 *   --only TEXT                        targets whose name contains the text
 *
 * What fails is shrunk, shown with its seed, and kept as a file in tests/fuzz/corpus, which the tests ask first.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as fc from "fast-check";
import { NodeParser } from "./other-parsers.ts";
import { TARGETS, type Target } from "./targets.ts";

const ROUND_RUNS = 5000;

const { values: options } = parseArgs({
  options: { minutes: { type: "string", default: "1" }, only: { type: "string", default: "" } },
});

async function main(): Promise<number> {
  const minutes = Number(options.minutes);
  const chosen = TARGETS.filter(({ name }) => name.includes(options.only));
  if (!(minutes > 0) || chosen.length === 0) {
    console.error("--minutes must be a number above 0, and --only part of a target's name");
    return 2;
  }
  await using node = new NodeParser();
  const endMs = performance.now() + minutes * 60_000;
  const runs = new Map(chosen.map(({ name }) => [name, 0]));
  let failures = 0;
  for (let at = 0; performance.now() < endMs; at++) {
    const target = chosen[at % chosen.length];
    if (target === undefined) break;
    const found = await round(target, node, endMs);
    runs.set(target.name, (runs.get(target.name) ?? 0) + found.numRuns);
    if (!found.failed) continue;
    failures++;
    await keep(target, found);
  }
  for (const [name, count] of runs) console.log(`${name}: ${count} runs`);
  console.log(`${failures} failures`);
  return failures === 0 ? 0 : 1;
}

function round(target: Target, node: NodeParser, endMs: number): Promise<fc.RunDetails<[string]>> {
  const leftMs = Math.max(1, Math.round(endMs - performance.now()));
  return fc.check(target.property(node), {
    numRuns: ROUND_RUNS,
    interruptAfterTimeLimit: leftMs,
    markInterruptAsFailure: false,
  });
}

async function keep(target: Target, found: fc.RunDetails<[string]>): Promise<void> {
  const [text = ""] = found.counterexample ?? [];
  console.error(`${target.name} (seed ${found.seed}, path ${found.counterexamplePath})`);
  console.error(`  ${JSON.stringify(text)}`);
  const name = `${target.id}-${new Bun.CryptoHasher("sha256").update(text, "latin1").digest("hex").slice(0, 12)}`;
  const file = join(import.meta.dir, "corpus", name);
  await Bun.write(file, Buffer.from(text, "latin1"));
  console.error(`  kept in ${file}`);
}

process.exitCode = await main();

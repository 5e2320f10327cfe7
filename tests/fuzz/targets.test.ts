/** Every target, for a moment; `npm run fuzz` goes on for as long as one likes. */
import { afterAll, test } from "bun:test";
import { join } from "node:path";
import * as fc from "fast-check";
import { NodeParser } from "./other-parsers.ts";
import { TARGETS } from "./targets.ts";

const node = new NodeParser();
afterAll(() => node[Symbol.asyncDispose]());

const corpus = [...new Bun.Glob("*").scanSync({ cwd: join(import.meta.dir, "corpus") })].toSorted();

test.each(corpus)("what was found once: %s", async (file) => {
  const [target] = TARGETS.filter(({ id }) => file.startsWith(`${id}-`)).toSorted(
    (a, b) => b.id.length - a.id.length,
  );
  if (target === undefined) throw new Error(`the name of ${file} begins with no target's id`);
  const bytes = Buffer.from(await Bun.file(join(import.meta.dir, "corpus", file)).arrayBuffer());
  await target.check(bytes.toString("latin1"), node);
});

test.each(TARGETS.map((target) => [target.name, target] as const))(
  "%s",
  async (_name, { property, runs }) => {
    await fc.assert(property(node), { numRuns: runs });
  },
);

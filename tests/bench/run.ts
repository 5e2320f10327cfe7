/** Runs a benchmark by its name: `npm run bench -- pick`; without a name, all of them. */

const BENCHMARKS: Readonly<Record<string, () => Promise<unknown>>> = {
  pick: () => import("./pick.ts"),
};

const wanted = Bun.argv.slice(2);
const unknown = wanted.filter((name) => !(name in BENCHMARKS));
if (unknown.length > 0) {
  console.error(`unknown benchmark ${unknown.join(", ")}; known: ${Object.keys(BENCHMARKS).join(", ")}`);
  process.exit(2);
}
for (const [name, run] of Object.entries(BENCHMARKS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`# ${name}`);
  await run();
}

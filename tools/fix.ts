/** `npm run fix`: formats the code and applies the corrections of the linters that cannot change what it does. */
import { packageCommand, run } from "./process.ts";

const paths = process.argv.slice(2);
const where = paths.length > 0 ? paths : ["."];

const lint = await run([packageCommand("oxlint"), "--type-aware", "--fix", ...where], { echo: true });
// Last, because a correction may leave a line that the formatter would break.
const format = await run([packageCommand("biome"), "check", "--write", ...where], { echo: true });
process.exit(lint.code === 0 && format.code === 0 ? 0 : 1);

import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { loadClientConfig, loadServerConfig } from "../../core/config/load.ts";
import { configurationReference } from "../../core/config/reference.ts";
import { exists, filesBelow, ROOT, read, typescriptFiles } from "./source.ts";

const DOCUMENTS = [
  "README.md",
  "CHANGELOG.md",
  ...filesBelow(".github", "*.md"),
  ...filesBelow("docs", "**/*.md"),
].filter(exists);

/** Made by the build or at run time, so not in a fresh checkout. */
const NOT_IN_CHECKOUT = /^(?:dist|data|node_modules|coverage)(?:\/|$)/;

test.each(DOCUMENTS)("%s names only paths that exist", (document) => {
  expect(namedPaths(read(document)).filter((path) => !exists(path))).toEqual([]);
});

test("ARCHITECTURE.md says what every folder of the sources holds", () => {
  const table = read(".github/ARCHITECTURE.md");
  const folders = new Set(typescriptFiles("core", "client", "server", "tools").map(dirname));
  // What is below the console's pages is told with them.
  const own = [...folders].filter((folder) => folder !== "server" && !folder.startsWith("server/console/"));
  expect(own.filter((folder) => !table.includes(`\`${folder}/\``))).toEqual([]);
});

test.each(DOCUMENTS)("the links of %s lead somewhere", (document) => {
  const text = withoutCodeBlocks(read(document));
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  const files = targets.filter((target) => !/^(?:https?:|mailto:|#)/.test(target));
  const missing = files.filter((target) => !exists(join(dirname(document), target.replace(/#.*$/, ""))));
  expect(missing).toEqual([]);
  const anchors = targets.filter((target) => target.startsWith("#")).map((target) => target.slice(1));
  expect(anchors.filter((anchor) => !headingAnchors(text).includes(anchor))).toEqual([]);
});

test("docs/configuration.md is what the schemas say", () => {
  expect(read("docs/configuration.md") === configurationReference(), "run npm run docs").toBe(true);
});

test.each(DOCUMENTS.filter((document) => document.startsWith("docs/")))(
  "the configurations shown in %s are accepted as they stand",
  (document) => {
    const blocks = [...read(document).matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = ""]) => text);
    for (const text of blocks) {
      const load = text.startsWith("# client.yml") ? loadClientConfig : loadServerConfig;
      const outcome = load({ flags: { config: "shown" }, env: {}, readFile: () => text });
      expect(outcome.ok ? [] : outcome.errors).toEqual([]);
    }
  },
);

test("the configurations shown in README.md are accepted as they stand", () => {
  const blocks = [...read("README.md").matchAll(/^```yaml\n# (server|client)\.yml.*\n([\s\S]*?)^```/gm)];
  expect(new Set(blocks.map(([, kind]) => kind))).toEqual(new Set(["server", "client"]));
  for (const [, kind, text = ""] of blocks) {
    const load = kind === "server" ? loadServerConfig : loadClientConfig;
    const outcome = load({ flags: { config: "shown" }, env: {}, readFile: () => text });
    expect(outcome.ok ? [] : outcome.errors).toEqual([]);
  }
});

/** Gives the words in backticks that look like a path of this repository. */
function namedPaths(text: string): readonly string[] {
  const top = new Set(readdirSync(ROOT));
  return [...withoutCodeBlocks(text).matchAll(/`([^`\n]+)`/g)]
    .map(([, word = ""]) => word)
    .filter((word) => /^[\w.-]+(?:\/[\w.-]+)*\/?$/.test(word))
    .filter((word) => word.includes("/") && top.has(word.split("/")[0] ?? ""))
    .filter((word) => !NOT_IN_CHECKOUT.test(word));
}

function headingAnchors(text: string): readonly string[] {
  return [...text.matchAll(/^#+\s+(.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .trim()
      .replaceAll(/\s/g, "-"),
  );
}

function withoutCodeBlocks(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, "");
}

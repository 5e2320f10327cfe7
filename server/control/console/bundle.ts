/** Makes the console's files of their sources: for the build of the executable, and for runs of the sources. */
import { join } from "node:path";

/** By name, as they are served. */
export type Files = Readonly<Record<FileName, string>>;

const FILE_NAMES = ["console.js", "console.css", "console.html", "login.html", "icon.svg"] as const;

export type FileName = (typeof FILE_NAMES)[number];

/** Bundles the sources in that folder; throws with what is wrong with them. */
export async function bundleConsole(folder: string): Promise<Files> {
  const built = await Bun.build({
    entrypoints: [join(folder, "main.tsx"), join(folder, "styles/main.css")],
    target: "browser",
    format: "esm",
    minify: true,
    naming: "[name].[ext]",
    define: { "process.env.NODE_ENV": '"production"' },
    throw: true,
  });
  const script = built.outputs.find(({ path }) => path.endsWith("main.js"));
  const styles = built.outputs.find(({ path }) => path.endsWith("main.css"));
  if (script === undefined || styles === undefined)
    throw new Error("the console's bundle has no script or no styles");
  const source = (name: string): Promise<string> => Bun.file(join(folder, name)).text();
  return {
    "console.js": await script.text(),
    "console.css": await styles.text(),
    "console.html": await source("console.html"),
    "login.html": await source("login.html"),
    "icon.svg": await source("icon.svg"),
  };
}

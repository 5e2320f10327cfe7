/** The console's files: read when first asked for, then kept, compressed as most browsers want them. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { bundleConsole, type FileName, type Files } from "./bundle.ts";
import { CONTENT_SECURITY_POLICY } from "./page.ts";

/** What browsers load by name, with its type. */
const SERVED: readonly (readonly [FileName, string])[] = [
  ["console.js", "text/javascript; charset=utf-8"],
  ["console.css", "text/css; charset=utf-8"],
  ["icon.svg", "image/svg+xml"],
];

interface Asset {
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

/** Gives the files to browsers. */
export class Assets {
  #files: Promise<Files> | null = null;
  readonly #assets = new Map<string, Asset>();

  /** The text of a page. */
  async page(name: "console.html" | "login.html"): Promise<string> {
    return (await this.#load())[name];
  }

  /** Answers for a script, a style sheet or a picture; null for any other name. */
  async serve(name: string, headers: Headers): Promise<Response | null> {
    const [file, type] = SERVED.find(([each]) => each === name) ?? [];
    if (file === undefined || type === undefined) return null;
    const asset = await this.#asset(file);
    const common = {
      ETag: asset.etag,
      // Browsers ask for the picture with every change of the address.
      "Cache-Control": file === "icon.svg" ? "max-age=3600" : "no-cache",
      Vary: "Accept-Encoding",
      "Cross-Origin-Resource-Policy": "same-origin",
      "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    };
    if (headers.get("If-None-Match")?.includes(asset.etag) === true) {
      return new Response(null, { status: 304, headers: common });
    }
    const isGzip = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/.test(headers.get("Accept-Encoding") ?? "");
    return new Response(isGzip ? asset.gzip : asset.plain, {
      headers: { ...common, "Content-Type": type, ...(isGzip ? { "Content-Encoding": "gzip" } : {}) },
    });
  }

  async #asset(name: FileName): Promise<Asset> {
    const known = this.#assets.get(name);
    if (known !== undefined) return known;
    const plain = new TextEncoder().encode((await this.#load())[name]);
    const hash = createHash("sha256").update(plain).digest("base64url").slice(0, 22);
    const asset = { plain, gzip: Bun.gzipSync(plain), etag: `"${hash}"` };
    this.#assets.set(name, asset);
    return asset;
  }

  #load(): Promise<Files> {
    this.#files ??= Bun.isStandaloneExecutable
      ? import("./embedded.ts").then(({ embeddedFiles }) => embeddedFiles())
      : bundleConsole(join(import.meta.dir, "../../console"));
    return this.#files;
  }
}

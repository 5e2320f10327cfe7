import { expect, test } from "bun:test";
import { Assets } from "../../../../server/control/console/assets.ts";

const assets = new Assets();

test("scripts, styles and pictures come with their type, a policy and a mark", async () => {
  for (const [name, type] of [
    ["console.js", "text/javascript; charset=utf-8"],
    ["console.css", "text/css; charset=utf-8"],
    ["icon.svg", "image/svg+xml"],
  ] as const) {
    const answer = await assets.serve(name, new Headers());
    expect(answer?.headers.get("Content-Type")).toBe(type);
    expect(answer?.headers.get("Content-Security-Policy")).toStartWith("default-src 'none';");
    expect(answer?.headers.get("Content-Encoding")).toBeNull();
    expect((await answer?.text())?.length).toBeGreaterThan(100);
    const etag = answer?.headers.get("ETag") ?? "";
    const again = await assets.serve(name, new Headers({ "If-None-Match": etag }));
    expect(again?.status).toBe(304);
    expect(await again?.text()).toBe("");
  }
});

test("who takes gzip gets it, and the same bytes", async () => {
  const plain = await assets.serve("console.js", new Headers());
  const packed = await assets.serve("console.js", new Headers({ "Accept-Encoding": "br, gzip;q=0.8" }));
  expect(packed?.headers.get("Content-Encoding")).toBe("gzip");
  expect(packed?.headers.get("Vary")).toBe("Accept-Encoding");
  const bytes = Bun.gunzipSync(new Uint8Array((await packed?.arrayBuffer()) ?? new ArrayBuffer(0)));
  expect(new TextDecoder().decode(bytes)).toBe((await plain?.text()) ?? "");
  const refused = await assets.serve("console.js", new Headers({ "Accept-Encoding": "gzip;q=0" }));
  expect(refused?.headers.get("Content-Encoding")).toBeNull();
});

test("no other name is a file, and pages are not served as files", async () => {
  for (const name of [
    "",
    "console.html",
    "login.html",
    "../main.ts",
    "toString",
    "constructor",
    "console.js/",
  ]) {
    expect(await assets.serve(name, new Headers())).toBeNull();
  }
});

test("pages and scripts bring nothing that the policy forbids", async () => {
  for (const page of [await assets.page("console.html"), await assets.page("login.html")]) {
    expect(page).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i);
    expect(
      page.replaceAll(/<script type="module" src="\/console\/console.js"><\/script>/g, ""),
    ).not.toContain("<script");
    for (const [, url = ""] of page.matchAll(/(?:src|href|action)="([^"]*)"/g)) expect(url).toStartWith("/");
  }
  const script = await (await assets.serve("console.js", new Headers()))?.text();
  expect(script).not.toMatch(/\beval\(|new Function\(/);
  const styles = await (await assets.serve("console.css", new Headers()))?.text();
  expect(styles).not.toMatch(/@import|url\(\s*["']?https?:/);
});

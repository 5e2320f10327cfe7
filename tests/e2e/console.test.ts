/** The web console in a real browser: what people do with it, and that everybody can. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { HttpBackend } from "../support/http-backend.ts";
import { record, records } from "../support/json.ts";
import { TestServer } from "../support/server.ts";
import { CHROMIUM, launch, logIn, SKIPPED, until, untilLive, type Visit, visit } from "./console/browser.ts";
import { KEY, SampleFleet } from "./console/sample-fleet.ts";

const VIEWS = [
  ["fleet", "Fleet"],
  ["traffic", "Traffic"],
  ["decisions", "Decisions"],
  ["queue", "Queue and leases"],
  ["migrations", "Migrations"],
  ["cache", "Cache"],
  ["settings", "Settings"],
  ["log", "Log"],
  ["audit", "Audit"],
] as const;

const HOSTILE = `<img src=x onerror=document.title='owned'><script>document.title='owned'</script>`;

test("a browser is at hand, or it is said that there is none", () => {
  if (CHROMIUM === null) console.log(SKIPPED);
  expect(SKIPPED).toContain("chromium");
});

describe.if(CHROMIUM !== null)("in a browser", () => {
  let browser: Browser;
  let backend: HttpBackend;
  let server: TestServer;
  let fleet: SampleFleet;

  beforeAll(async () => {
    browser = await launch();
    backend = new HttpBackend({ name: "sample" });
    server = await TestServer.start({ config: { server_key: KEY } });
    fleet = await SampleFleet.join(server, 3, () => backend.url);
  });

  afterAll(async () => {
    await browser.close();
    await server[Symbol.asyncDispose]();
    await backend[Symbol.asyncDispose]();
  });

  /** A page that has logged in, in a browser profile of its own; what it complains of fails the test. */
  async function withPage(
    work: (page: Page) => Promise<void>,
    colorScheme: "light" | "dark" = "light",
  ): Promise<void> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme });
    try {
      const { page, faults }: Visit = await visit(context);
      await logIn(page, server.url, KEY);
      await untilLive(page);
      await work(page);
      expect(faults).toEqual([]);
    } finally {
      await context.close();
    }
  }

  async function api(method: string, path: string, json?: unknown) {
    const headers = { "X-API-Key": KEY };
    return record((await server.call(method, path, { headers, ...(json !== undefined && { json }) })).json);
  }

  test("a wrong key is refused, the right one lets in, and logging out ends it", async () => {
    const context = await browser.newContext();
    const { page, faults } = await visit(context);
    await page.goto(`${server.url}/console`);
    await page.getByLabel("Management key").fill("wrong");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("not one of the configured keys").waitFor();
    await logIn(page, server.url, KEY);
    expect(await page.evaluate("document.cookie")).toBe("");
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("Management key").waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test("a figure changes by itself", async () => {
    await withPage(async (page) => {
      const card = page.locator(".card", { hasText: "nyc-api-1" });
      await card.waitFor();
      const shown = (): Promise<string> => card.locator(".meters").innerText();
      const before = await shown();
      for (let round = 0; round < 3; round++) await fleet.report();
      await until("another figure", async () => (await shown()) !== before);
    });
  });

  test("a request shows with what decided about it", async () => {
    await withPage(async (page) => {
      await page.goto(`${server.url}/console#/decisions`);
      await until("the request in the sample", async () => {
        await server.call("GET", "/watched-path");
        return page.getByText("GET /watched-path").first().isVisible();
      });
      await page.getByText("chosen").waitFor();
    });
  });

  test("a backend is added with a look beforehand, drained, edited, and taken out again by undo", async () => {
    await withPage(async (page) => {
      await page.getByRole("button", { name: "Add backend" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("URL").fill("nonsense");
      await dialog.getByRole("button", { name: "Preview" }).click();
      await dialog.getByRole("alert").waitFor();
      await dialog.getByLabel("URL").fill(backend.url);
      await dialog.getByLabel("Name").fill("added");
      await dialog.getByLabel("Tags").fill("blue, eu");
      await dialog.getByRole("button", { name: "Preview" }).click();
      await dialog.getByText("This backend will be added").waitFor();
      expect(records((await api("GET", "/backends")).backends)).toHaveLength(3);
      await dialog.getByRole("button", { name: "Apply" }).click();
      const card = page.locator(".card", { hasText: "added" });
      await card.getByText("blue").waitFor();

      await card.getByRole("button", { name: "added" }).click();
      await dialog.getByRole("button", { name: "Drain" }).click();
      await dialog.getByText("draining", { exact: true }).waitFor();
      await dialog.getByRole("button", { name: "Undrain" }).waitFor();
      await dialog.getByRole("button", { name: "Edit" }).click();
      await dialog.getByLabel("Weight").fill("3");
      await dialog.getByRole("button", { name: "Preview" }).click();
      await dialog.getByRole("button", { name: "Apply" }).click();
      await dialog.getByText("weight 3").waitFor();
      await page.keyboard.press("Escape");

      await page.goto(`${server.url}/console#/settings`);
      for (const key of ["backends.added.weight", "backends.added"]) {
        await page.getByRole("button", { name: "Undo last edit" }).click();
        await page.getByText(`Taken back: ${key}.`, { exact: true }).waitFor();
      }
      await until(
        "three backends again",
        async () => records((await api("GET", "/backends")).backends).length === 3,
      );
    });
  });

  test("the strategy is changed after a look at what it comes to, and taken back", async () => {
    await withPage(async (page) => {
      await page.goto(`${server.url}/console#/settings`);
      await page.getByLabel("strategy", { exact: true }).selectOption("round_robin");
      await page.getByRole("button", { name: "Preview" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByText("round_robin").waitFor();
      expect(record((await api("GET", "/config")).config).strategy).toBe("resource");
      await dialog.getByRole("button", { name: "Apply" }).click();
      await page.getByText("One setting has changed").waitFor();
      expect(record((await api("GET", "/config")).config).strategy).toBe("round_robin");
      await page.goto(`${server.url}/console#/decisions`);
      await page.getByText("round_robin").first().waitFor();
      await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
      await page.getByText("Taken back: strategy").waitFor();
      expect(record((await api("GET", "/config")).config).strategy).toBe("resource");
      await page.goto(`${server.url}/console#/audit`);
      await page.getByText("undo").first().waitFor();
    });
  });

  test("a migration is begun, paused, resumed and aborted", async () => {
    await api("PATCH", "/backends/ams-api-1.example.net", { tags: ["blue"] });
    await api("PATCH", "/backends/nyc-api-1.example.net", { tags: ["green"] });
    await withPage(async (page) => {
      await page.goto(`${server.url}/console#/migrations`);
      await page.getByRole("button", { name: "New migration" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("From the backends with the tag").fill("blue");
      await dialog.getByLabel("To the backends with the tag").fill("nonsense");
      await dialog.getByRole("button", { name: "Begin" }).click();
      await dialog.getByRole("alert").waitFor();
      await dialog.getByLabel("To the backends with the tag").fill("green");
      await dialog.getByRole("button", { name: "Begin" }).click();
      await page.getByText("running", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Pause" }).click();
      await page.getByText("paused", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Resume" }).click();
      await page.getByText("running", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Abort" }).click();
      await page.getByText("aborted", { exact: true }).waitFor();
    });
  });

  test("what the server says against a change is shown", async () => {
    await withPage(async (page) => {
      await page.goto(`${server.url}/console#/settings`);
      await page.getByLabel("stale_minutes", { exact: true }).fill("-1");
      await page.getByLabel("stale_minutes", { exact: true }).press("Enter");
      await page.getByRole("button", { name: "Preview" }).click();
      await page.locator(".toast.bad", { hasText: "stale_minutes" }).waitFor();
    });
  });

  test("a hostile host name is text", async () => {
    const headers = { "X-API-Key": KEY };
    const json = { client_id: "hostile", hostname: HOSTILE, endpoint_url: backend.url };
    expect((await server.call("POST", "/register", { headers, json })).status).toBe(200);
    await withPage(async (page) => {
      for (const mode of ["Cards", "Table", "Heat map"]) {
        await page.getByRole("button", { name: mode }).click();
        await page.getByRole("button", { name: HOSTILE }).click();
        await page.getByRole("dialog").getByText(HOSTILE).waitFor();
        await page.keyboard.press("Escape");
      }
      expect(await page.title()).toBe("Fleet · Opsen");
      expect(await page.locator("img[src='x']").count()).toBe(0);
    });
    await server.call("DELETE", "/clients/hostile", { headers });
  });

  test("everything can be reached by keyboard", async () => {
    await withPage(async (page) => {
      await page.keyboard.press("Tab");
      expect(await page.locator(":focus").innerText()).toBe("Skip to content");
      await page.keyboard.press("Enter");
      expect(await page.locator(":focus").getAttribute("id")).toBe("main");
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
      await page.keyboard.press("Escape");
      await page.keyboard.press("g");
      await page.keyboard.press("t");
      await page.getByRole("heading", { name: "Traffic" }).waitFor();
      await page.keyboard.press("g");
      await page.keyboard.press("f");
      await page.getByRole("searchbox", { name: "Search backends" }).waitFor();
      await page.keyboard.press("/");
      await page.keyboard.type("fra");
      await until("one card", async () => (await page.locator(".card").count()) === 1);
    });
  });

  test.each(["light", "dark"] as const)(
    "no view has a serious fault of accessibility (%s)",
    async (theme) => {
      const axe = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");
      await withPage(async (page) => {
        for (const [view, title] of VIEWS) {
          await page.goto(`${server.url}/console#/${view}`);
          await page.getByRole("heading", { name: title, exact: true }).waitFor();
          expect({ view, faults: await faultsOf(page, axe) }).toEqual({ view, faults: [] });
        }
        await page.goto(`${server.url}/console#/fleet`);
        for (const mode of ["Heat map", "Table", "Cards"]) {
          await page.getByRole("button", { name: mode }).click();
          expect({ mode, faults: await faultsOf(page, axe) }).toEqual({ mode, faults: [] });
        }
        await page.getByRole("button", { name: "fra-gpu-1" }).click();
        expect({ view: "drawer", faults: await faultsOf(page, axe) }).toEqual({ view: "drawer", faults: [] });
      }, theme);
    },
  );

  test("a phone shows every view without scrolling sideways", async () => {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, isMobile: true });
    const { page, faults } = await visit(context);
    await logIn(page, server.url, KEY);
    await untilLive(page);
    for (const [view, title] of VIEWS) {
      await page.goto(`${server.url}/console#/${view}`);
      await page.getByRole("heading", { name: title, exact: true }).waitFor();
      const width = await page.evaluate("document.documentElement.scrollWidth");
      expect({ view, width }).toEqual({ view, width: 390 });
    }
    expect(faults).toEqual([]);
    await context.close();
  });
});

/** What axe finds serious or critical, by rule and place. */
async function faultsOf(page: Page, axe: string): Promise<readonly string[]> {
  // By the debugger's way in, which no policy of the page concerns.
  await page.evaluate(axe);
  const found: unknown = await page.evaluate(
    `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) => nodes.slice(0, 3).map(({ target, any }) => id + " " + target + " " + (any[0]?.message ?? ""))))`,
  );
  return Array.isArray(found) ? found.map(String) : ["no answer of axe"];
}

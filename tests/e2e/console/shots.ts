/**
 * `npm run shots -- FOLDER`: pictures of the console as it is built, on a desk and a phone, in both themes, with few
 * and many backends.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { HttpBackend } from "../../support/http-backend.ts";
import { type Json, record, records } from "../../support/json.ts";
import { TestServer } from "../../support/server.ts";
import { CHROMIUM, launch, logIn, SKIPPED, untilLive } from "./browser.ts";
import { KEY, SampleFleet } from "./sample-fleet.ts";

const SIZES = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;
const THEMES = ["light", "dark"] as const;
const VIEWS: readonly string[] = [
  "fleet",
  "traffic",
  "decisions",
  "queue",
  "migrations",
  "cache",
  "settings",
  "log",
  "audit",
];
/** Time for the small charts to get some points. */
const WARM_UP_MS = Number(process.env.SHOTS_WARM_UP_MS ?? 20_000);
const REPORT_MS = 1_500;

async function main(folder: string, only: string): Promise<void> {
  if (CHROMIUM === null) {
    console.log(SKIPPED);
    return;
  }
  mkdirSync(folder, { recursive: true });
  const browser = await launch();
  try {
    for (const count of [3, 9, 500]) {
      if (only === "" || only.split(",").includes(String(count))) await shootFleet(browser, folder, count);
    }
  } finally {
    await browser.close();
  }
}

async function shootFleet(browser: Browser, folder: string, count: number): Promise<void> {
  await using backend = new HttpBackend({
    name: "sample",
    handle: () => Bun.sleep(Math.random() * 60).then(() => answer()),
  });
  await using second = new HttpBackend({
    name: "sample-2",
    handle: () => Bun.sleep(Math.random() * 90).then(() => answer()),
  });
  await using third = new HttpBackend({
    name: "sample-3",
    handle: () => Bun.sleep(Math.random() * 40).then(() => answer()),
  });
  const urls = [backend.url, second.url, third.url];
  await using server = await TestServer.start({
    config: {
      server_key: KEY,
      retry_attempts: 1,
      breaker_enabled: false,
      strategy: "weighted_round_robin",
      health_check_enabled: true,
      health_check_interval_seconds: 2,
    },
  });
  const fleet = await SampleFleet.join(server, count, (index) => urls[index % urls.length] ?? "");
  const stop = keepBusy(server.url, fleet, Math.min(count, 120));
  await describeMembers(server, count);
  try {
    for (const [size, viewport] of Object.entries(SIZES)) {
      const context = await browser.newContext({
        viewport,
        deviceScaleFactor: size === "phone" ? 2 : 1,
        colorScheme: "light",
      });
      const page = await context.newPage();
      await logIn(page, server.url, KEY);
      await untilLive(page);
      await Bun.sleep(size === "desk" ? WARM_UP_MS : WARM_UP_MS / 2);
      for (const theme of THEMES) {
        await page.emulateMedia({ colorScheme: theme });
        await shootViews(page, join(folder, `${count}-${size}-${theme}`), count);
      }
      await context.close();
    }
  } finally {
    stop();
  }
}

/** Tags, weights and backups as an operator would give them. */
async function describeMembers(server: TestServer, count: number): Promise<void> {
  const headers = { "X-API-Key": KEY };
  const patch = (id: string, json: Json): Promise<unknown> =>
    server.call("PATCH", `/backends/${id}.example.net`, { headers, json });
  if (count === 9) await describeNine(server);
  if (count !== 3) return;
  await patch("ams-api-1", { tags: ["blue", "eu"] });
  await patch("fra-gpu-1", { tags: ["gpu", "eu"], max_in_flight: 64 });
  await patch("nyc-api-1", { tags: ["green", "us"], weight: 2 });
}

/** The picture of the manual: a fleet in which something happens. */
async function describeNine(server: TestServer): Promise<void> {
  const headers = { "X-API-Key": KEY };
  const list = records(record((await server.call("GET", "/backends", { headers })).json).backends);
  for (const [index, { id }] of list.entries()) {
    const tags = [index % 2 === 0 ? "blue" : "green"];
    const json = index === 4 ? { tags, backup: true } : index === 6 ? { tags, weight: 3 } : { tags };
    await server.call("PATCH", `/backends/${String(id)}`, { headers, json });
  }
  await server.call("POST", `/backends/${String(list[2]?.id)}/drain`, { headers });
}

async function shootViews(page: Page, prefix: string, count: number): Promise<void> {
  const shoot = (name: string): Promise<unknown> => page.screenshot({ path: `${prefix}-${name}.png` });
  for (const view of count === 3 ? VIEWS : ["fleet", "decisions"]) {
    await page.goto(`${page.url().split("#")[0]}#/${view}`);
    await Bun.sleep(1_500);
    await shoot(view);
  }
  await page.goto(`${page.url().split("#")[0]}#/fleet`);
  if (count === 9) return;
  if (count > 9) {
    await page.getByRole("button", { name: "Heat map" }).click();
    await Bun.sleep(500);
    await shoot("heat");
    await page.getByRole("button", { name: "Table" }).click();
    return;
  }
  await page.getByRole("button", { name: "fra-gpu-1" }).click();
  await Bun.sleep(500);
  await shoot("drawer");
  await page.keyboard.press("Escape");
}

function answer(): Response {
  const chance = Math.random();
  if (chance < 0.004) return new Response("sorry", { status: 500 });
  if (chance < 0.03) return new Response("no such thing", { status: 404 });
  return new Response("x".repeat(2000 + Math.floor(chance * 20_000)));
}

/** Requests and reports until told to stop. */
function keepBusy(url: string, fleet: SampleFleet, reporters: number): () => void {
  const state = { isOver: false };
  const timer = setInterval(() => void fleet.report(reporters).catch(() => {}), REPORT_MS);
  const client = async (): Promise<void> => {
    while (!state.isOver) {
      const path =
        ["/", "/api/items", "/api/items/42", "/search", "/health-page"][Math.floor(Math.random() * 5)] ?? "/";
      await fetch(url + path).then(
        (got) => got.arrayBuffer(),
        () => null,
      );
      await Bun.sleep(Math.random() * (80 + 60 * Math.sin(Date.now() / 6000)));
    }
  };
  for (let index = 0; index < 12; index++) void client();
  return () => {
    state.isOver = true;
    clearInterval(timer);
  };
}

const [folder = "dist/shots", only = ""] = process.argv.slice(2);
await main(folder, only);

/** `opsen-server top`: backends and their load, live; one picture when the output is no terminal. */
import { fetchBackends } from "../backend-view.ts";
import { Api } from "../connection/api.ts";
import type { Context } from "../context.ts";
import { CommandFailure, EXIT } from "../failure.ts";
import { type Counts, fetchTraffic, isStartedAnew, metricsPathOf, rateBetween } from "../traffic.ts";
import { short, span } from "../view/figures.ts";
import { type Intent, intentsOf } from "./keys.ts";
import {
  clampScroll,
  countsOf,
  type Look,
  neighbour,
  type Order,
  type Row,
  rowsOf,
  SORT_KEYS,
  sorted,
} from "./model.ts";
import { type Picture, paint, rowsThatFit, type Screen } from "./paint.ts";
import { Terminal } from "./terminal.ts";

const DEFAULT_INTERVAL_SECONDS = 2;
const MIN_INTERVAL_SECONDS = 0.2;
const MAX_INTERVAL_SECONDS = 60;
const PLAIN_COLUMNS = 120;
/** Between the two looks of one picture, so that it has rates. */
const ONCE_MS = 1_000;

export async function top(context: Context): Promise<number> {
  const { given, columns, out, env, isColored } = context;
  const isAscii = given.on("ascii") || !isUnicode(env);
  const view = new TopView(Api.of(context), orderOf(given.text("sort")));
  if (given.on("json")) {
    const { answer } = await fetchBackends(view.api);
    out(`${answer.text.trimEnd()}\n`);
    return EXIT.ok;
  }
  if (given.on("once") || columns === null) {
    const lines = await picturedOnce(view, {
      columns: columns ?? PLAIN_COLUMNS,
      lines: null,
      isColored,
      isAscii,
    });
    out(`${lines.join("\n")}\n`);
    return EXIT.ok;
  }
  // What is wrong from the start is said on the screen of before.
  await view.look();
  const interval = given.number("interval") ?? DEFAULT_INTERVAL_SECONDS;
  return new Live(view, { isColored, isAscii }, interval).run();
}

async function picturedOnce(view: TopView, screen: Screen): Promise<readonly string[]> {
  await view.look();
  await Bun.sleep(ONCE_MS);
  await view.look();
  return paint(view.picture(0), screen).map((line) => line.trimEnd());
}

/** What the server told at the last two looks. */
class TopView {
  readonly api: Api;
  order: Order;
  trouble = "";
  rows: readonly Row[] = [];
  #before: Look | null = null;
  #counts: readonly [Counts | null, Counts | null] = [null, null];
  /** When the server was started, by our monotonic clock; null when it does not tell. Undefined: not asked yet. */
  #startedMs: number | null | undefined;

  constructor(api: Api, order: Order) {
    this.api = api;
    this.order = order;
  }

  /** Looks at the server; ends the command when that fails. */
  async look(): Promise<void> {
    const { views } = await fetchBackends(this.api);
    const now = { atMs: performance.now(), views };
    // The metrics of a large fleet are long, and the server of today counts by backend: they are read once.
    const counts = countsOf(now) ?? (await this.#readMetrics());
    if (this.#startedMs === undefined || isStartedAnew(this.#counts[1], counts)) await this.#readMetrics();
    this.rows = sorted(rowsOf(this.#before, now), this.order);
    this.#before = now;
    this.#counts = [this.#counts[1], counts];
    this.trouble = "";
  }

  async #readMetrics(): Promise<Counts | null> {
    const traffic = await fetchTraffic(this.api, await metricsPathOf(this.api));
    const uptime = traffic?.uptimeSeconds ?? null;
    this.#startedMs = uptime === null ? null : performance.now() - uptime * 1000;
    return traffic;
  }

  sortBy(order: Order): void {
    this.order = order;
    this.rows = sorted(this.rows, order);
  }

  picture(first: number, live: { isPaused: boolean; intervalSeconds: number } | null = null): Picture {
    const [before, counts] = this.#counts;
    const started = this.#startedMs ?? null;
    const uptime = started === null ? "" : `, up ${span((performance.now() - started) / 1000)}`;
    return {
      title: `opsen-server at ${this.api.connection.url}${uptime}`,
      traffic: trafficText(before, counts),
      trouble: this.trouble,
      rows: this.rows,
      order: this.order,
      first,
      isPaused: live?.isPaused ?? false,
      intervalSeconds: live?.intervalSeconds ?? 0,
    };
  }
}

/** The picture that follows the server until somebody ends it. */
class Live {
  readonly #view: TopView;
  readonly #style: { readonly isColored: boolean; readonly isAscii: boolean };
  readonly #terminal: Terminal;
  #intervalSeconds: number;
  #isPaused = false;
  #first = 0;
  #exitCode: number | null = null;
  #wake: (() => void) | null = null;

  constructor(view: TopView, style: { isColored: boolean; isAscii: boolean }, intervalSeconds: number) {
    this.#view = view;
    this.#style = style;
    this.#intervalSeconds = intervalSeconds;
    this.#terminal = new Terminal({
      onKeys: (typed) => {
        for (const intent of intentsOf(typed)) this.#act(intent);
      },
      onResize: () => this.#draw(),
      onEnd: (exitCode) => this.#end(exitCode),
    });
  }

  async run(): Promise<number> {
    this.#terminal.open();
    try {
      while (this.#exitCode === null) {
        this.#draw();
        await this.#pause(this.#intervalSeconds * 1000);
        // An end that came meanwhile is not kept waiting by the server's answer.
        if (this.#exitCode === null && !this.#isPaused) await Promise.race([this.#look(), this.#ended()]);
      }
    } finally {
      this.#terminal.close();
      this.#view.api.abandon();
    }
    return this.#exitCode ?? EXIT.ok;
  }

  async #look(): Promise<void> {
    try {
      await this.#view.look();
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      // The server may be starting again: what was there stays on the screen, with the reason.
      this.#view.trouble = error.message.replaceAll("\n", " ");
    }
  }

  #draw(): void {
    const { columns, lines } = this.#terminal;
    this.#first = clampScroll(this.#first, this.#view.rows.length, rowsThatFit(lines));
    const live = { isPaused: this.#isPaused, intervalSeconds: this.#intervalSeconds };
    this.#terminal.draw(paint(this.#view.picture(this.#first, live), { columns, lines, ...this.#style }));
  }

  #act(intent: Intent): void {
    const page = rowsThatFit(this.#terminal.lines);
    const { order } = this.#view;
    switch (intent.kind) {
      case "quit":
        this.#end(EXIT.ok);
        break;
      case "suspend":
        this.#terminal.suspend();
        break;
      case "redraw":
        this.#terminal.forget();
        break;
      case "hold":
        this.#isPaused = !this.#isPaused;
        break;
      case "reverse":
        this.#view.sortBy({ ...order, isReversed: !order.isReversed });
        break;
      case "sort":
        this.#view.sortBy({ key: intent.key, isReversed: false });
        break;
      case "nextColumn":
        this.#view.sortBy({ key: neighbour(order.key, intent.by), isReversed: false });
        break;
      case "scroll":
        this.#first += intent.rows;
        break;
      case "page":
        this.#first += intent.pages * page;
        break;
      case "edge":
        this.#first = intent.edge === "first" ? 0 : this.#view.rows.length;
        break;
      case "faster":
      case "slower":
        this.#setInterval(intent.kind === "faster" ? 0.5 : 2);
        break;
    }
    this.#draw();
  }

  #setInterval(factor: number): void {
    const next = this.#intervalSeconds * factor;
    this.#intervalSeconds = Math.min(MAX_INTERVAL_SECONDS, Math.max(MIN_INTERVAL_SECONDS, next));
  }

  #end(exitCode: number): void {
    this.#exitCode ??= exitCode;
    this.#wake?.();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #ended(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function trafficText(before: Counts | null, now: Counts | null): string {
  const rate = rateBetween(before, now);
  if (rate === null) return "";
  return `${short(rate.requests)} requests/s, ${short(rate.errors)} errors/s`;
}

function orderOf(text: string | null): Order {
  return { key: SORT_KEYS.find((each) => each === text) ?? "name", isReversed: false };
}

/** Tells by the locale whether the terminal takes more than ASCII (POSIX: LC_ALL, LC_CTYPE, LANG, the first counts). */
function isUnicode(env: Context["env"]): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || "";
  return process.platform === "win32" || /utf-?8/i.test(locale);
}

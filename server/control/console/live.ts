/** `/console/live`: tells each open page once a second what has changed. */
import type { ServerWebSocket } from "bun";
import {
  CONSOLE_TOPICS,
  type ConsoleTopic,
  type Decision,
  type LiveFigures,
  type LiveMessage,
} from "../../../core/wire/console.ts";
import type { Figures } from "./figures.ts";
import type { LogTail } from "./log-tail.ts";

const SECOND_MS = 1000;
/** More open pages than that are refused; they ask by and by instead. */
const MAX_PAGES = 64;
/** A page that has not taken this much yet is left out until it has. */
const MAX_UNSENT_BYTES = 1024 * 1024;
/** Seconds that a page may be left out before it is dropped. */
const MAX_SKIPPED = 30;
const MAX_WISH_BYTES = 512;
/** Wishes of one page that are met at once, in a second; the next message meets what it wishes beyond. */
const MAX_WISHES = 5;
/** Most decisions and log lines in one message. */
const MAX_DECISIONS = 200;
const MAX_LINES = 500;
/** Of one worker, in a second. */
const SAMPLED_PER_SECOND = 10;
const CLOSE_GOING_AWAY = 1001;
const CLOSE_POLICY = 1008;

/** What is kept with an open page. */
export interface PageData {
  /** Whether its log-in still counts. */
  readonly isAllowed: () => boolean;
  /** Whether that log-in may see the log: who may look at what happens need not learn who did it, or who asked for what. */
  readonly seesLog: () => boolean;
  topics: ReadonlySet<ConsoleTopic>;
  figuresAt: number;
  /** Beat of the last message about the fleet; 0 before the first. */
  fleetBeat: number;
  decisionsAt: number;
  logAt: number;
  /** Since the last message that nobody asked for. */
  wishes: number;
  skipped: number;
}

export type Page = ServerWebSocket<PageData>;

export interface LiveDeps {
  readonly figures: Figures;
  readonly log: LogTail;
  /** Every backend, as `GET /backends` has it; each has an `id`. */
  readonly fleet: () => readonly { readonly id: string; readonly entry: unknown }[];
  /** Has the workers tell of so many decisions in a second each. */
  readonly sample: (perSecond: number) => void;
}

/** A backend's entry as it was told, and when it became so. */
interface Told {
  text: string;
  entry: unknown;
  beat: number;
}

/** Every page that is open. */
export class Live {
  readonly #deps: LiveDeps;
  readonly #pages = new Set<Page>();
  readonly #told = new Map<string, Told>();
  #ids: readonly string[] = [];
  #idsBeat = 0;
  #decisions: Decision[] = [];
  /** Decisions so far. */
  #decided = 0;
  #beat = 0;
  #timer: ReturnType<typeof setInterval> | null = null;
  #isSampling = false;

  constructor(deps: LiveDeps) {
    this.#deps = deps;
  }

  get isFull(): boolean {
    return this.#pages.size >= MAX_PAGES;
  }

  /** What a page has before it has said what it wants. */
  newPage(login: Pick<PageData, "isAllowed" | "seesLog">): PageData {
    return {
      ...login,
      topics: new Set(),
      figuresAt: 0,
      fleetBeat: 0,
      decisionsAt: 0,
      logAt: 0,
      wishes: 0,
      skipped: 0,
    };
  }

  open(page: Page): void {
    this.#pages.add(page);
    this.#timer ??= setInterval(() => this.#tell(), SECOND_MS);
  }

  close(page: Page): void {
    this.#pages.delete(page);
    this.#sampleIfWatched();
    if (this.#pages.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#told.clear();
    this.#ids = [];
  }

  /** Takes what a page wants to hear of, and tells it at once. */
  wish(page: Page, message: string | Buffer): void {
    const topics = typeof message === "string" && message.length <= MAX_WISH_BYTES ? topicsOf(message) : null;
    if (topics === null) {
      page.close(CLOSE_POLICY, "not understood");
      return;
    }
    const { data } = page;
    if (topics.has("fleet") && !data.topics.has("fleet")) data.fleetBeat = 0;
    data.topics = topics;
    this.#sampleIfWatched();
    if (++data.wishes > MAX_WISHES) return;
    this.#look();
    this.#tellPage(page);
  }

  /** All that a page without a connection asks for now and again: figures since a time, and the fleet. */
  snapshot(since: number): LiveMessage {
    const fleet = this.#deps.fleet();
    const backends = { changed: fleet.map(({ entry }) => entry), ids: fleet.map(({ id }) => id) };
    return { figures: this.#deps.figures.since(since), backends };
  }

  decided(decisions: readonly Decision[]): void {
    this.#decisions.push(...decisions);
    this.#decided += decisions.length;
    if (this.#decisions.length > 2 * MAX_DECISIONS) this.#decisions = this.#decisions.slice(-MAX_DECISIONS);
  }

  /** Lets go of every page: a shutdown does not wait for people who look on. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const page of this.#pages) page.close(CLOSE_GOING_AWAY, "the server is stopping");
  }

  #sampleIfWatched(): void {
    const isWatched = [...this.#pages].some(({ data }) => data.topics.has("decisions"));
    if (isWatched === this.#isSampling) return;
    this.#isSampling = isWatched;
    this.#deps.sample(isWatched ? SAMPLED_PER_SECOND : 0);
  }

  #tell(): void {
    this.#look();
    for (const page of this.#pages) {
      page.data.wishes = 0;
      if (page.data.isAllowed()) this.#tellPage(page);
      else page.close(CLOSE_POLICY, "the log-in has ended");
    }
  }

  /** Finds out what has changed in the fleet, once for all pages. */
  #look(): void {
    this.#beat++;
    if (![...this.#pages].some(({ data }) => data.topics.has("fleet"))) return;
    const fleet = this.#deps.fleet();
    for (const { id, entry } of fleet) {
      const text = JSON.stringify(entry);
      const told = this.#told.get(id);
      if (told === undefined) this.#told.set(id, { text, entry, beat: this.#beat });
      else if (told.text !== text) Object.assign(told, { text, entry, beat: this.#beat });
    }
    const isSame =
      fleet.length === this.#ids.length && fleet.every(({ id }, index) => id === this.#ids[index]);
    if (isSame) return;
    this.#ids = fleet.map(({ id }) => id);
    this.#idsBeat = this.#beat;
    const living = new Set(this.#ids);
    for (const id of this.#told.keys()) if (!living.has(id)) this.#told.delete(id);
  }

  #tellPage(page: Page): void {
    const { data } = page;
    if (page.getBufferedAmount() > MAX_UNSENT_BYTES) {
      if (++data.skipped >= MAX_SKIPPED) page.terminate();
      return;
    }
    data.skipped = 0;
    page.send(JSON.stringify(this.#newsFor(data)));
  }

  #newsFor(data: PageData): LiveMessage {
    const figures = this.#deps.figures.since(data.figuresAt);
    data.figuresAt = lastAt(figures, data.figuresAt);
    return {
      figures,
      ...(data.topics.has("fleet") ? this.#fleetNews(data) : {}),
      ...(data.topics.has("decisions") ? this.#decisionNews(data) : {}),
      ...(data.topics.has("log") && data.seesLog() ? this.#logNews(data) : {}),
    };
  }

  #fleetNews(data: PageData): Pick<LiveMessage, "backends"> {
    const since = data.fleetBeat;
    data.fleetBeat = this.#beat;
    const changed = [...this.#told.values()].filter(({ beat }) => beat > since).map(({ entry }) => entry);
    const hasNewIds = since === 0 || this.#idsBeat > since;
    if (changed.length === 0 && !hasNewIds) return {};
    return { backends: { changed, ...(hasNewIds ? { ids: this.#ids } : {}) } };
  }

  #decisionNews(data: PageData): Pick<LiveMessage, "decisions"> {
    const fresh = Math.min(this.#decided - data.decisionsAt, MAX_DECISIONS);
    data.decisionsAt = this.#decided;
    return fresh <= 0 ? {} : { decisions: this.#decisions.slice(-fresh) };
  }

  #logNews(data: PageData): Pick<LiveMessage, "log"> {
    const log = this.#deps.log.since(data.logAt, MAX_LINES);
    data.logAt = this.#deps.log.position;
    return log.length === 0 ? {} : { log };
  }
}

function lastAt(figures: readonly LiveFigures[], otherwise: number): number {
  return figures.at(-1)?.at ?? otherwise;
}

/** The topics of a wish; null when it is none. Unknown ones, of a newer page, are passed over. */
function topicsOf(message: string): ReadonlySet<ConsoleTopic> | null {
  let wish: unknown;
  try {
    wish = JSON.parse(message);
  } catch {
    return null;
  }
  if (typeof wish !== "object" || wish === null || !("watch" in wish) || !Array.isArray(wish.watch))
    return null;
  const asked: readonly unknown[] = wish.watch;
  return new Set(CONSOLE_TOPICS.filter((topic) => asked.includes(topic)));
}

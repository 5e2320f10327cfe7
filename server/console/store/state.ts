/** What the page knows: fed by the live connection, read by the views. */
import {
  type Decision,
  LIVE_SERIES,
  type LiveFigures,
  type LiveMessage,
  type LiveSeries,
} from "../../../core/wire/console.ts";
import type { Backend, Who } from "../types.ts";
import { signal } from "./signal.ts";

/** Points kept of each backend's small chart. */
const TRAIL = 60;
const MAX_FIGURES = 600;
const MAX_DECISIONS = 500;
const MAX_LINES = 2_000;

export const who = signal<Who | null>(null);
export const link = signal<"connecting" | "live" | "polling" | "offline">("connecting");
/** By id, in the server's order; a new map after each change. */
export const backends = signal<readonly Backend[] | null>(null);
export const figures = signal<readonly LiveFigures[]>([]);
/** Newest first. */
export const decisions = signal<readonly Decision[]>([]);
/** Oldest first. */
export const logLines = signal<readonly string[]>([]);

/** The last minute of a backend: requests in flight, and where the server counts them, requests a second. */
export interface Trail {
  readonly inFlight: number[];
  readonly rate: number[];
  readonly errors: number[];
  readonly cpu: number[];
  lastTotal: number | null;
  lastErrors: number | null;
}

const known = new Map<string, Backend>();
const trails = new Map<string, Trail>();
let order: readonly string[] = [];

export function trailOf(id: string): Trail | undefined {
  return trails.get(id);
}

/** Takes what the server has told. */
export function take(message: LiveMessage): void {
  if (message.figures.length > 0) {
    const at = figures.get().at(-1)?.at ?? 0;
    const fresh = message.figures.filter((each) => each.at > at);
    figures.set([...figures.get(), ...fresh].slice(-MAX_FIGURES));
  }
  if (message.decisions !== undefined) {
    decisions.set([...message.decisions.toReversed(), ...decisions.get()].slice(0, MAX_DECISIONS));
  }
  if (message.log !== undefined) logLines.set([...logLines.get(), ...message.log].slice(-MAX_LINES));
  if (message.backends === undefined) return;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- they are entries of GET /backends
  takeFleet(message.backends.changed as readonly Backend[], message.backends.ids);
}

/** Takes entries that have changed, and with `ids` who there is at all. */
function takeFleet(changed: readonly Backend[], ids?: readonly string[]): void {
  for (const entry of changed) known.set(entry.id, entry);
  if (ids !== undefined) {
    order = ids;
    const living = new Set(ids);
    for (const id of known.keys()) {
      if (living.has(id)) continue;
      known.delete(id);
      trails.delete(id);
    }
  }
  backends.set(order.flatMap((id) => known.get(id) ?? []));
}

/** Goes on with every backend's trail; once a second. */
export function growTrails(): void {
  for (const backend of known.values()) {
    const trail = trails.get(backend.id) ?? newTrail();
    trails.set(backend.id, trail);
    push(trail.inFlight, backend.in_flight ?? 0);
    push(trail.cpu, meanOf(backend.cpu_pct));
    const total = backend.requests_total ?? null;
    const errors = backend.errors_total ?? null;
    if (trail.lastTotal !== null) push(trail.rate, difference(total, trail.lastTotal));
    if (trail.lastErrors !== null) push(trail.errors, difference(errors, trail.lastErrors));
    trail.lastTotal = total;
    trail.lastErrors = errors;
  }
}

/** The values of one series, oldest first. */
export function seriesOf(all: readonly LiveFigures[], name: LiveSeries): number[] {
  const index = LIVE_SERIES.indexOf(name);
  return all.map(({ values }) => values[index] ?? 0);
}

export function isAdmin(): boolean {
  return who.get()?.scopes.includes("admin") === true;
}

export function meanOf(values: readonly number[] | null | undefined): number {
  if (values === null || values === undefined || values.length === 0) return 0;
  return values.reduce((sum, each) => sum + each, 0) / values.length;
}

function newTrail(): Trail {
  return { inFlight: [], rate: [], errors: [], cpu: [], lastTotal: null, lastErrors: null };
}

function push(values: number[], value: number): void {
  values.push(value);
  if (values.length > TRAIL) values.shift();
}

function difference(now: number | null, before: number | null): number {
  return now === null || before === null ? 0 : Math.max(0, now - before);
}

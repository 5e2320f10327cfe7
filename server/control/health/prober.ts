/** Probes every distinct origin of every backend, spread over time and a bounded number at once. */
import {
  combineHealth,
  observeProbe,
  type ProbeOutcome,
  type ProbeState,
  type ProbeThresholds,
  UNPROBED,
} from "../../../core/health/transition.ts";
import type { Backend, Origin } from "../../../core/plane/snapshot.ts";
import type { Probed } from "./probe.ts";

/** Enough for 300 dead backends at the default timeout and interval. */
const MAX_CONCURRENT = 64;
/**
 * A connect to a silent host outlives its probe by up to two minutes: it cannot be called off. So many of these
 * cost nobody a turn; more do, so that their sum with MAX_CONCURRENT stays far below any file limit.
 */
const MAX_FORSAKEN = 256;
/** The first probe comes this soon after a registration. */
const FIRST_PROBE_WITHIN_MS = 500;
/** Each pause is off by up to this share, so that backends registered together drift apart. */
const JITTER = 0.1;

/** Health of a backend as its probes tell it. */
export interface BackendHealth {
  readonly status: ProbeState["status"];
  /** Of the primary origin, or the first that has one; 0 before the first success. */
  readonly latencyMs: number;
  /** Origins that fail their probes; see {@link originKey}. */
  readonly down: ReadonlySet<string>;
}

/** What probes tell apart: probes of the http kind depend on the base path too. */
export function originKey(origin: Origin): string {
  return origin.key + origin.basePath;
}

/** One probe and what came of it. */
export interface ProbeReport {
  readonly clientId: string;
  readonly origin: Origin;
  readonly outcome: ProbeOutcome;
  readonly originBefore: ProbeState["status"];
  readonly originAfter: ProbeState["status"];
  readonly health: BackendHealth;
}

export interface ProberOptions {
  /** Probes are made at all. This and the next two may change: see {@link Prober.adapt}. */
  readonly isEnabled: boolean;
  readonly intervalMs: number;
  readonly thresholds: ProbeThresholds;
  readonly probe: (origin: Origin, loopbackAllowed: boolean) => Promise<Probed>;
  /** Told of every probe. */
  readonly onProbe: (change: ProbeReport) => void;
  /** A number from 0 to 1. */
  readonly random: () => number;
}

interface Target {
  readonly clientId: string;
  readonly origin: Origin;
  readonly loopbackAllowed: boolean;
  state: ProbeState;
  timer: ReturnType<typeof setTimeout> | null;
  isGone: boolean;
}

/** The schedule of probes. */
export class Prober {
  readonly #options: ProberOptions;
  /** Targets of each backend, the primary origin first. */
  readonly #targets = new Map<string, Target[]>();
  readonly #waiting: Target[] = [];
  #running = 0;
  #forsaken = 0;
  #isOn: boolean;
  #intervalMs: number;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#isOn = options.isEnabled;
    this.#intervalMs = options.intervalMs;
  }

  /**
   * The options have other values: probing starts or stops if it has to, with nothing known of anybody, and no probe waits
   * for longer than is usual now.
   */
  adapt(): void {
    const { isEnabled, random, intervalMs } = this.#options;
    const isSooner = intervalMs < this.#intervalMs;
    this.#intervalMs = intervalMs;
    if (this.#isOn === isEnabled) {
      if (isSooner) this.#bringForward();
      return;
    }
    this.#isOn = isEnabled;
    for (const target of [...this.#targets.values()].flat()) {
      if (target.timer !== null) clearTimeout(target.timer);
      target.timer = null;
      target.state = UNPROBED;
      if (isEnabled) this.#schedule(target, random() * FIRST_PROBE_WITHIN_MS);
    }
  }

  #bringForward(): void {
    const { intervalMs, random } = this.#options;
    for (const target of [...this.#targets.values()].flat()) {
      if (target.timer !== null) this.#schedule(target, random() * intervalMs);
    }
  }

  /** Starts or goes on probing a backend; origins that it keeps keep their state. */
  watch(backend: Backend): void {
    const known = new Map(this.#targets.get(backend.clientId)?.map((target) => [keyOf(target), target]));
    const targets: Target[] = [];
    const seen = new Set<string>();
    for (const { origin } of backend.endpoints) {
      const loopbackAllowed = backend.loopbackAllowed === true;
      const target: Target = {
        clientId: backend.clientId,
        origin,
        loopbackAllowed,
        state: UNPROBED,
        timer: null,
        isGone: false,
      };
      const key = keyOf(target);
      if (seen.has(key)) continue;
      seen.add(key);
      const kept = known.get(key);
      known.delete(key);
      targets.push(kept ?? target);
      if (kept === undefined) this.#schedule(target, this.#options.random() * FIRST_PROBE_WITHIN_MS);
    }
    for (const dropped of known.values()) stop(dropped);
    this.#targets.set(backend.clientId, targets);
  }

  /** Probes a backend no more. */
  forget(clientId: string): void {
    for (const target of this.#targets.get(clientId) ?? []) stop(target);
    this.#targets.delete(clientId);
  }

  /** What is known of a backend's health; null for one that is not probed. */
  healthOf(clientId: string): BackendHealth | null {
    const targets = this.#targets.get(clientId);
    if (targets === undefined) return null;
    const states = targets.map((target) => target.state);
    const measured = states.find((state) => state.latencyMs !== null && state.status !== "unhealthy");
    const down = new Set(targets.filter(isDown).map(({ origin }) => originKey(origin)));
    return { status: combineHealth(states), latencyMs: measured?.latencyMs ?? 0, down };
  }

  /** Probes an origin at its next turn instead of when it would be due: requests have failed there. */
  hurry(clientId: string, origin: Origin): void {
    const key = originKey(origin);
    for (const target of this.#targets.get(clientId) ?? []) {
      // Without a timer its probe is running or about to.
      if (originKey(target.origin) !== key || target.timer === null) continue;
      clearTimeout(target.timer);
      this.#schedule(target, 0);
    }
  }

  /** Ends all probing. */
  stop(): void {
    for (const clientId of this.#targets.keys()) this.forget(clientId);
    this.#waiting.length = 0;
  }

  #schedule(target: Target, delayMs: number): void {
    if (target.isGone || !this.#isOn) return;
    if (target.timer !== null) clearTimeout(target.timer);
    target.timer = setTimeout(() => {
      target.timer = null;
      this.#waiting.push(target);
      this.#startWaiting();
    }, delayMs);
  }

  #startWaiting(): void {
    while (this.#running + Math.max(0, this.#forsaken - MAX_FORSAKEN) < MAX_CONCURRENT) {
      const target = this.#waiting.shift();
      if (target === undefined) return;
      if (!target.isGone) void this.#run(target);
    }
  }

  async #run(target: Target): Promise<void> {
    this.#running++;
    const { forsaken, isVoid, ...outcome } = await this.#options.probe(target.origin, target.loopbackAllowed);
    this.#running--;
    if (forsaken !== undefined) void this.#await(forsaken);
    if (!target.isGone && this.#isOn) {
      if (isVoid !== true) this.#observe(target, outcome);
      const factor = 1 + JITTER * (2 * this.#options.random() - 1);
      this.#schedule(target, this.#options.intervalMs * factor);
    }
    this.#startWaiting();
  }

  async #await(forsaken: Promise<void>): Promise<void> {
    this.#forsaken++;
    await forsaken;
    this.#forsaken--;
    this.#startWaiting();
  }

  #observe(target: Target, outcome: ProbeOutcome): void {
    const originBefore = target.state.status;
    target.state = observeProbe(target.state, outcome, this.#options.thresholds);
    const health = this.healthOf(target.clientId);
    if (health === null) return;
    this.#options.onProbe({
      clientId: target.clientId,
      origin: target.origin,
      outcome,
      originBefore,
      originAfter: target.state.status,
      health,
    });
  }
}

function isDown({ state }: Target): boolean {
  return state.status === "unhealthy";
}

function stop(target: Target): void {
  target.isGone = true;
  if (target.timer !== null) clearTimeout(target.timer);
}

function keyOf(target: Target): string {
  return `${originKey(target.origin)} ${target.loopbackAllowed}`;
}

/** Drives a sampler once a second into a window. */
import type { Complaints } from "./complaints.ts";
import { emptySample, type Sample, type Sampler } from "./sampler/sample.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Averages, Window } from "./window.ts";

const PERIOD_MS = 1000;
/** The use of a core takes two looks; the second follows soon, so that the first report need not wait long. */
const SECOND_LOOK_MS = 200;

export interface SamplingOptions {
  readonly sampler: Sampler;
  readonly window: Window;
  readonly scheduler: Scheduler;
  readonly complaints: Complaints;
}

export class Sampling {
  /** The host as of the last look. */
  readonly latest: Sample = emptySample();
  /** Resolves after the second look, when every kind of figure has had its chance. */
  readonly ready: Promise<void>;
  readonly #options: SamplingOptions;
  readonly #resolveReady: () => void;
  #cancel: () => void = () => {};
  #stopped = false;
  #looks = 0;
  #dueMs = 0;

  constructor(options: SamplingOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#resolveReady = resolve;
  }

  /** Takes the first look and goes on until stopped. */
  async start(): Promise<void> {
    this.#dueMs = this.#options.scheduler.monotonicMs() + SECOND_LOOK_MS;
    await this.#look();
    this.#scheduleNext();
  }

  /** Means over the window as of now. */
  averages(): Averages {
    return this.#options.window.averages(this.#options.scheduler.wallMs());
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#options.sampler.close();
    this.#resolveReady();
  }

  #scheduleNext(): void {
    if (this.#stopped) return;
    const { scheduler } = this.#options;
    const nowMs = scheduler.monotonicMs();
    // Ticks stay on their grid; those that a slow or suspended machine missed are not made up for.
    if (this.#dueMs < nowMs) this.#dueMs += Math.ceil((nowMs - this.#dueMs) / PERIOD_MS) * PERIOD_MS;
    this.#cancel = scheduler.after(this.#dueMs - nowMs, () => this.#tick());
    this.#dueMs += PERIOD_MS;
  }

  #tick(): void {
    const pending = this.#look();
    // Looks never overlap: a sampler that takes its time delays the next one.
    if (pending === undefined) this.#scheduleNext();
    else
      pending.then(
        () => this.#scheduleNext(),
        () => this.#scheduleNext(),
      );
  }

  #look(): Promise<void> | undefined {
    const { sampler, complaints } = this.#options;
    try {
      const pending = sampler.sample(this.latest);
      if (pending === undefined) return this.#record();
      return pending.then(
        () => this.#record(),
        (error: unknown) => complaints.failed("the host", error),
      );
    } catch (error) {
      // Samplers handle what they expect; the agent outlives what they do not.
      complaints.failed("the host", error);
      return undefined;
    }
  }

  #record(): undefined {
    const { window, scheduler, complaints } = this.#options;
    if (this.#stopped) return;
    complaints.worked("the host");
    window.add(scheduler.wallMs(), this.latest);
    this.#looks++;
    if (this.#looks === 2) this.#resolveReady();
  }
}

/**
 * The conversation with the server: register, report at once, report each interval, register again when the
 * server does not know us. Whatever may pass is waited out for ever.
 */
import type { Registration } from "../core/wire/registration.ts";
import type { Report } from "../core/wire/report.ts";
import { backoffMs, jittered } from "./backoff.ts";
import { admit, type Circuit, CLOSED, circuitRule, settle } from "./circuit-breaker.ts";
import type { Logger } from "./logger.ts";
import type { Scheduler } from "./scheduler.ts";
import type { CallOutcome } from "./server-api.ts";
import { judgeRegistration, judgeReport, type ReportVerdict } from "./verdict.ts";

/** What the reporter tells the server; asked anew for each call. */
export interface ReportSource {
  /** Resolves when there is something to report. */
  readonly ready: Promise<void>;
  registration(): Promise<Registration>;
  /** Null when what a report must hold is not known now. */
  report(): Report | null;
}

/** The calls that the reporter makes. */
export interface ReporterApi {
  register(body: Registration, token: string | null, signal: AbortSignal): Promise<CallOutcome>;
  report(body: Report, token: string | null, signal: AbortSignal): Promise<CallOutcome>;
}

export interface ReporterOptions {
  readonly api: ReporterApi;
  readonly source: ReportSource;
  readonly identity: { readonly token: string | null; setToken(token: string): void };
  readonly scheduler: Scheduler;
  readonly intervalMs: number;
  readonly log: Logger;
}

/** How the conversation ended. */
export type ReporterEnd =
  | { readonly kind: "stopped" }
  | { readonly kind: "refused"; readonly detail: string };

/** Tries of one report before it waits for the next interval. */
const TRIES = 3;
/** How often a server that would not say that it has forgotten us is told again. */
const RENEW_MS = 5 * 60_000;
/** A server may ask for patience, but not for so much that a mistake of its takes us away for good. */
const MAX_WAIT_MS = 10 * 60_000;

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #abort = new AbortController();
  readonly #aborted: Promise<void>;
  #circuit: Circuit = CLOSED;
  #registeredOnce = false;
  #mustRegister = true;
  /** Raised when what a registration says changes, so that a change during a call is not taken for sent. */
  #changes = 0;
  #acceptedSinceRegistration = false;
  /** When to register again although nothing asks for it. */
  #registerAtMs = Infinity;
  #knowsTokens = false;
  /** Registrations in a row that led to no accepted report. */
  #setbacks = 0;
  #wake: (() => void) | null = null;

  constructor(options: ReporterOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#aborted = promise;
    this.#abort.signal.addEventListener("abort", () => resolve(), { once: true });
  }

  /** Tells whether the server knows us and what a farewell is: the original's has no such call. */
  get isFarewellDue(): boolean {
    return this.#registeredOnce && this.#knowsTokens;
  }

  /** Talks until stopped, or until the first registration is refused. */
  async run(): Promise<ReporterEnd> {
    while (!this.#stopped) {
      const refusal = await this.#register();
      if (refusal !== null) return { kind: "refused", detail: refusal };
      await Promise.race([this.#options.source.ready, this.#aborted]);
      while (!this.#stopped && !this.#mustRegister) {
        const pauseMs = await this.#report();
        if (!this.#mustRegister) await this.#sleep(pauseMs);
        if (this.#options.scheduler.monotonicMs() >= this.#registerAtMs) this.#mustRegister = true;
      }
    }
    return { kind: "stopped" };
  }

  /** Registers again soon, because what a registration says has changed. */
  registerAgain(): void {
    this.#changes++;
    if (!this.#registeredOnce || this.#mustRegister) return;
    this.#mustRegister = true;
    this.#wake?.();
  }

  stop(): void {
    this.#abort.abort();
    this.#wake?.();
  }

  get #stopped(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Registers, however long it takes; gives the reason when that is refused for good, else null. */
  async #register(): Promise<string | null> {
    const { api, source, identity, scheduler, log } = this.#options;
    if (this.#setbacks > 0) await this.#sleep(backoffMs(this.#setbacks, scheduler.random()));
    while (!this.#stopped) {
      const changes = this.#changes;
      const outcome = await api.register(await source.registration(), identity.token, this.#abort.signal);
      if (this.#stopped) break;
      const verdict = judgeRegistration(outcome, scheduler.wallMs());
      if (verdict.kind === "registered") {
        if (verdict.token !== null) identity.setToken(verdict.token);
        log.info(this.#registeredOnce ? "registered again" : "registered");
        this.#registeredOnce = true;
        this.#mustRegister = this.#changes !== changes;
        // Without a token it is the original's server, which takes reports of agents that it has forgotten.
        this.#registerAtMs = verdict.token === null ? scheduler.monotonicMs() + RENEW_MS : Infinity;
        this.#knowsTokens = verdict.token !== null;
        this.#acceptedSinceRegistration = false;
        return null;
      }
      // Once accepted, a refusal is more likely a passing mistake at the server than a reason to leave it.
      if (verdict.kind === "refused" && !this.#registeredOnce) return verdict.detail;
      const askedMs = verdict.kind === "refused" ? 0 : verdict.waitMs;
      await this.#sleep(this.#noteSetback(verdict.kind, verdict.detail, askedMs));
    }
    return null;
  }

  /** Counts and logs a registration that failed; gives the wait before the next. */
  #noteSetback(kind: "refused" | "held" | "transient", detail: string, askedMs: number): number {
    const { scheduler, log } = this.#options;
    this.#setbacks++;
    const waitMs = Math.max(backoffMs(this.#setbacks, scheduler.random()), Math.min(askedMs, MAX_WAIT_MS));
    const message = {
      refused: "registration refused; trying again, as it was accepted before",
      held: "the client_id is held by another agent; trying again until that one is stale or gone",
      transient: "registration failed; trying again",
    }[kind];
    log.warn(message, {
      reason: detail,
      attempt: this.#setbacks,
      wait_seconds: Math.round(waitMs / 100) / 10,
    });
    return waitMs;
  }

  /** Sends one report with a few tries; gives the wait before the next. */
  async #report(): Promise<number> {
    const { source, scheduler, intervalMs, log } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const report = source.report();
      if (report === null) return this.#pauseMs();
      const admission = admit(this.#circuit, scheduler.monotonicMs());
      this.#circuit = admission.circuit;
      if (!admission.admitted) {
        log.debug("report skipped: the circuit breaker is open");
        return this.#pauseMs();
      }
      const verdict = await this.#send(report);
      if (this.#stopped || verdict.kind !== "failed") return this.#pauseMs();
      const askedMs = Math.min(verdict.waitMs, MAX_WAIT_MS);
      const waitMs = Math.max(backoffMs(attempt, scheduler.random()), askedMs);
      if (attempt === TRIES || waitMs >= intervalMs) return Math.max(this.#pauseMs(), askedMs);
      await this.#sleep(waitMs);
      if (this.#stopped || this.#mustRegister) return 0;
    }
  }

  async #send(report: Report): Promise<ReportVerdict> {
    const { api, identity, scheduler, intervalMs } = this.#options;
    const outcome = await api.report(report, identity.token, this.#abort.signal);
    const verdict = judgeReport(outcome, scheduler.wallMs());
    if (this.#stopped) return verdict;
    const before = this.#circuit;
    const succeeded = verdict.kind !== "failed";
    this.#circuit = settle(before, succeeded, scheduler.monotonicMs(), circuitRule(intervalMs));
    this.#logReport(verdict, before);
    if (verdict.kind === "unknown") {
      // At once if reports were taken since the last registration; else a pause grows, lest the two chase each other.
      if (!this.#acceptedSinceRegistration) this.#setbacks++;
      this.#mustRegister = true;
    } else if (succeeded) {
      this.#acceptedSinceRegistration = true;
      this.#setbacks = 0;
    }
    return verdict;
  }

  #logReport(verdict: ReportVerdict, before: Circuit): void {
    const { log } = this.#options;
    switch (verdict.kind) {
      case "accepted":
        if (before.state === "half-open") log.info("reports are accepted again");
        log.debug("reported");
        break;
      case "ignored":
        log.warn("report ignored by the server", { reason: verdict.detail });
        break;
      case "unknown":
        log.warn("the server does not take our reports; registering again", { reason: verdict.detail });
        break;
      case "failed":
        log.warn("report failed", { reason: verdict.detail });
        if (this.#circuit.state === "open") {
          const seconds = Math.round(circuitRule(this.#options.intervalMs).openMs / 1000);
          log.warn("circuit breaker open: leaving the server alone", { seconds });
        }
    }
  }

  /** Until the next report is due: an interval, or the end of the breaker's pause if that comes first. */
  #pauseMs(): number {
    const { scheduler, intervalMs } = this.#options;
    const pauseMs = jittered(intervalMs, scheduler.random());
    if (this.#circuit.state !== "open") return pauseMs;
    return Math.max(0, Math.min(pauseMs, this.#circuit.untilMs - scheduler.monotonicMs()));
  }

  async #sleep(delayMs: number): Promise<void> {
    if (this.#stopped) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.scheduler.after(delayMs, resolve);
    this.#wake = resolve;
    await promise;
    cancel();
    this.#wake = null;
  }
}

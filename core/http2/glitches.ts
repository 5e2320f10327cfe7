/**
 * A budget for what is allowed but helps nobody: streams that are reset before their answer (CVE-2023-44487), that we
 * have to reset (CVE-2025-8671), pings, settings, priorities, empty frames, tiny windows. Honest peers do some of it,
 * attackers a great deal. It is a leaky bucket; time is an argument.
 */
export class GlitchBudget {
  readonly #burst: number;
  readonly #perSecond: number;
  #level = 0;
  #atMs: number;

  /** `burst` glitches may come at once, `perSecond` in the long run. */
  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#atMs = nowMs;
  }

  /** Counts a glitch of that weight; false when there were too many. */
  spend(weight: number, nowMs: number): boolean {
    const leaked = (Math.max(0, nowMs - this.#atMs) / 1000) * this.#perSecond;
    this.#atMs = nowMs;
    this.#level = Math.max(0, this.#level - leaked) + weight;
    return this.#level <= this.#burst;
  }
}

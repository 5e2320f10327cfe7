import type { FromWorker } from "../../../core/plane/messages.ts";
import type { Decision } from "../../../core/wire/console.ts";

const SECOND_MS = 1000;

/** Tells the control plane of a few decisions a second, and of none unless somebody watches them. */
export class DecisionSampler {
  readonly #post: (message: FromWorker) => void;
  #perSecond = 0;
  #secondMs = 0;
  #taken = 0;

  constructor(post: (message: FromWorker) => void) {
    this.#post = post;
  }

  /** Sets how many are told of in a second; 0 = none. */
  setRate(perSecond: number): void {
    this.#perSecond = perSecond;
  }

  /** Whether the next decision is to be told of, at a monotonic time. Costs one comparison while nobody watches. */
  wants(nowMs: number): boolean {
    if (this.#perSecond === 0) return false;
    if (nowMs - this.#secondMs >= SECOND_MS) {
      this.#secondMs = nowMs;
      this.#taken = 0;
    }
    return this.#taken < this.#perSecond;
  }

  take(decision: Decision): void {
    this.#taken++;
    this.#post({ type: "decisions", decisions: [decision] });
  }
}

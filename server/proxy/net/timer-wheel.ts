import { reportFault } from "../thread/faults.ts";

/** Who is told when a {@link WheelTimer} runs out. */
export interface TimerOwner {
  onTimer(): void;
}

const TICK_MS = 100;
/** After this an owner that threw is asked again. */
const RETRY_AFTER_MS = 1000;
/** 51 s per turn; timers further away stay in their slot for several turns. */
const SLOTS = 512;
/** A pause between two ticks that no busy moment explains: the process was stopped, or its machine asleep. */
const FROZEN_MS = 1000;

/** One timer of one owner, armed and cancelled any number of times without allocation. */
export class WheelTimer {
  readonly owner: TimerOwner | null;
  next: WheelTimer = this;
  previous: WheelTimer = this;
  deadlineMs = 0;
  /** Time of the slot that it hangs in, 0 when it hangs in none; never later than the deadline. */
  slotMs = 0;
  /** Its owner threw the last time. */
  failed = false;

  constructor(owner: TimerOwner | null) {
    this.owner = owner;
  }
}

/**
 * A hashed timer wheel with ticks of about 100 ms. A timer fires at its deadline or at most one tick later. Moving a
 * deadline into the future, the common case of idle timeouts, only stores a number. Time in which the process did not
 * run does not count: peers that could not be heard meanwhile are not late.
 */
export class TimerWheel {
  readonly #clock: () => number;
  readonly #onStall: (ms: number) => void;
  readonly #onTick: (lateMs: number) => void;
  readonly #slots: WheelTimer[] = Array.from({ length: SLOTS }, () => new WheelTimer(null));
  readonly #due = new WheelTimer(null);
  #lastTick: number;
  /** By the clock. */
  #lastTickMs: number;
  /** Time in which the process did not run. */
  #frozenMs = 0;
  #count = 0;
  #interval: ReturnType<typeof setInterval> | null = null;

  /**
   * `clock` is monotonic, in milliseconds; `onStall` hears how late a tick is that does not come in time, `onTick` of
   * every tick.
   */
  constructor(
    clock: () => number,
    onStall: (ms: number) => void = () => {},
    onTick: (lateMs: number) => void = () => {},
  ) {
    this.#clock = clock;
    this.#onStall = onStall;
    this.#onTick = onTick;
    this.#lastTickMs = clock();
    this.#lastTick = Math.floor(this.#lastTickMs / TICK_MS);
  }

  /** By the clock, less the time in which the process did not run. */
  get nowMs(): number {
    return this.#clock() - this.#frozenMs;
  }

  arm(timer: WheelTimer, afterMs: number): void {
    timer.deadlineMs = this.nowMs + afterMs;
    if (timer.slotMs !== 0) {
      if (timer.slotMs <= timer.deadlineMs) return;
      unlink(timer);
      this.#count--;
    }
    if (this.#interval === null) this.#start();
    this.#hang(timer);
    this.#count++;
  }

  cancel(timer: WheelTimer): void {
    if (timer.slotMs === 0) return;
    unlink(timer);
    this.#count--;
  }

  /** Fires everything that is due; called by the wheel's own interval. */
  tick(): void {
    this.#skipFreeze();
    const nowMs = this.nowMs;
    const tick = Math.floor(nowMs / TICK_MS);
    const first = Math.max(this.#lastTick + 1, tick - SLOTS + 1);
    for (let at = first; at <= tick; at++) moveAll(this.#slot(at), this.#due);
    this.#lastTick = tick;
    for (let timer = this.#due.next; timer !== this.#due; timer = this.#due.next) {
      unlink(timer);
      if (timer.deadlineMs > nowMs) {
        this.#hang(timer);
        continue;
      }
      this.#count--;
      try {
        timer.owner?.onTimer();
        timer.failed = false;
      } catch (error) {
        reportFault(error);
        this.#retry(timer);
      }
    }
    if (this.#count === 0) this.#stop();
  }

  /** Once more: what the timer bounds must not be held for ever because of one fault. Twice in a row is a bug that stays. */
  #retry(timer: WheelTimer): void {
    timer.failed = !timer.failed;
    if (timer.failed && timer.slotMs === 0) this.arm(timer, RETRY_AFTER_MS);
  }

  #hang(timer: WheelTimer): void {
    const tick = Math.max(Math.ceil(timer.deadlineMs / TICK_MS), this.#lastTick + 1);
    const slot = this.#slot(tick);
    timer.slotMs = timer.deadlineMs;
    timer.previous = slot.previous;
    timer.next = slot;
    slot.previous.next = timer;
    slot.previous = timer;
  }

  #slot(tick: number): WheelTimer {
    const slot = this.#slots[tick % SLOTS];
    if (slot === undefined) throw new Error(`timer wheel has no slot for tick ${tick}`);
    return slot;
  }

  #skipFreeze(): void {
    const clockMs = this.#clock();
    const lateMs = clockMs - this.#lastTickMs - TICK_MS;
    this.#lastTickMs = clockMs;
    this.#onTick(lateMs);
    if (lateMs >= FROZEN_MS) this.#frozenMs += lateMs;
    if (lateMs > TICK_MS) this.#onStall(lateMs);
  }

  #start(): void {
    this.#lastTickMs = this.#clock();
    this.#lastTick = Math.floor(this.nowMs / TICK_MS);
    this.#interval = setInterval(() => this.tick(), TICK_MS);
  }

  #stop(): void {
    if (this.#interval !== null) clearInterval(this.#interval);
    this.#interval = null;
  }
}

function unlink(timer: WheelTimer): void {
  timer.previous.next = timer.next;
  timer.next.previous = timer.previous;
  timer.next = timer;
  timer.previous = timer;
  timer.slotMs = 0;
}

function moveAll(from: WheelTimer, to: WheelTimer): void {
  if (from.next === from) return;
  const first = from.next;
  const last = from.previous;
  first.previous = to.previous;
  to.previous.next = first;
  last.next = to;
  to.previous = last;
  from.next = from;
  from.previous = from;
}

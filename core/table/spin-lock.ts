/**
 * A lock for critical sections of nanoseconds, in one word of shared memory. The word is 0 when free, else it
 * names the thread that holds it, so that the locks of a dead thread can be found and freed.
 */

/** Number of the control plane's thread; workers are numbered from 0. */
export const CONTROL_PLANE = -1;

/** A holder that runs needs far less than this many looks; beyond it, it has been descheduled. */
const SPINS_BEFORE_SLEEP = 100;
const SLEEP_MS = 0.05;
/** 40,000 sleeps of at least 50 us: after two seconds of running time the holder is dead, not slow. */
const SLEEPS_BEFORE_STEAL = 40_000;

/** The mark that a thread leaves in the locks that it holds. */
export function lockOwner(worker: number): number {
  return worker + 2;
}

/** Takes the lock at `words[index]` for `owner`, a mark from {@link lockOwner}; not re-entrant. */
export function lock(words: Int32Array, index: number, owner: number): void {
  if (Atomics.compareExchange(words, index, 0, owner) !== 0) {
    waitForLock(words, index, owner);
  }
}

export function unlock(words: Int32Array, index: number): void {
  Atomics.store(words, index, 0);
}

/** Frees the lock if `owner` holds it; says whether it did. For the control plane, once that thread has ended. */
export function unlockOf(words: Int32Array, index: number, owner: number): boolean {
  return Atomics.compareExchange(words, index, owner, 0) === owner;
}

/**
 * Spins, then sleeps between looks. The wait is bounded: the thread that would free a dead worker's locks may
 * itself be waiting here, so in the end the lock is taken from its holder.
 */
function waitForLock(words: Int32Array, index: number, owner: number): void {
  let holder = 0;
  for (let sleeps = 0; sleeps < SLEEPS_BEFORE_STEAL; sleeps++) {
    for (let spin = 0; spin < SPINS_BEFORE_SLEEP; spin++) {
      Atomics.pause();
      if (Atomics.load(words, index) === 0 && Atomics.compareExchange(words, index, 0, owner) === 0) {
        return;
      }
    }
    const seen = Atomics.load(words, index);
    if (seen !== holder) {
      holder = seen;
      sleeps = 0;
    }
    // Unlocking does not notify: it must stay one store. The sleep ends by its timeout.
    Atomics.wait(words, index, seen, SLEEP_MS);
  }
  Atomics.store(words, index, owner);
}

/**
 * Where errors go that nobody expected: one thrown in a callback must end the connection that it concerns, be told in
 * the log, and leave every other connection alone. One listener per thread.
 */
export type FaultListener = (error: unknown) => void;

let listener: FaultListener = () => {};

/** Sets who hears of faults in this thread. */
export function onFault(heard: FaultListener): void {
  listener = heard;
}

/** Runs what a timer calls: an error there would end the thread. */
export function guarded(work: () => void): void {
  try {
    work();
  } catch (error) {
    reportFault(error);
  }
}

/** Tells of an error that should not have happened. */
export function reportFault(error: unknown): void {
  listener(error);
}

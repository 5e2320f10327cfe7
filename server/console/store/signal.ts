/** A value that tells who uses it when it changes. */
import { useEffect, useState } from "preact/hooks";

export interface Signal<Value> {
  get(): Value;
  set(value: Value): void;
  /** Calls back after each change, until the returned function is called. */
  subscribe(listener: () => void): () => void;
}

export function signal<Value>(initial: Value): Signal<Value> {
  let current = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => current,
    set(value) {
      if (Object.is(value, current)) return;
      current = value;
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Uses the value in a component, which is drawn anew when it changes. */
export function useSignal<Value>(source: Signal<Value>): Value {
  const [, redraw] = useState({});
  useEffect(() => source.subscribe(() => redraw({})), [source]);
  return source.get();
}

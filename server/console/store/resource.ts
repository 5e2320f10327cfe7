/** Something that a view asks the API for, now and again. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type Answer, call, isMissing, messageOf } from "../api.ts";

export interface Resource<Value> {
  /** Null before the first answer. */
  readonly value: Value | null;
  readonly etag: string | null;
  /** Why there is none, or no newer one; empty when all is well. */
  readonly error: string;
  /** The server has no such operation. */
  readonly missing: boolean;
  readonly reload: () => Promise<void>;
}

/** Asks for `path`, and again every `everyMs` (0 = never) while the page is looked at. */
export function useResource<Value>(path: string, everyMs = 0): Resource<Value> {
  const [answer, setAnswer] = useState<Answer<Value> | null>(null);
  const [failure, setFailure] = useState({ error: "", missing: false });
  const isHere = useRef(true);
  const reload = useCallback(async () => {
    try {
      const got = await call<Value>(path);
      if (!isHere.current) return;
      setAnswer(got);
      setFailure({ error: "", missing: false });
    } catch (error) {
      if (isHere.current) setFailure({ error: messageOf(error), missing: isMissing(error) });
    }
  }, [path]);
  useEffect(() => {
    isHere.current = true;
    void reload();
    const timer =
      everyMs === 0
        ? undefined
        : setInterval(() => {
            if (!document.hidden) void reload();
          }, everyMs);
    return () => {
      isHere.current = false;
      clearInterval(timer);
    };
  }, [reload, everyMs]);
  return { value: answer?.value ?? null, etag: answer?.etag ?? null, ...failure, reload };
}

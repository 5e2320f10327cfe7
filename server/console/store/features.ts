/** What this server can do: views of what it lacks are not offered. */
import { call, isMissing } from "../api.ts";
import type { View } from "./route.ts";
import { signal } from "./signal.ts";

/** False for a view that has nothing to show here; absent while that is not known. */
export const has = signal<Readonly<Partial<Record<View, boolean>>>>({ cache: false, migrations: false });

const PROBES: readonly (readonly [View, string])[] = [
  ["cache", "/cache"],
  ["migrations", "/migrations"],
];

export async function lookForFeatures(): Promise<void> {
  await Promise.all(
    PROBES.map(async ([view, path]) => {
      const found = await call(path).then(
        () => true,
        (error: unknown) => !isMissing(error),
      );
      has.set({ ...has.get(), [view]: found });
    }),
  );
}

/** Where changes at run time outlive a restart. */
import {
  NO_CHANGES,
  type RuntimeChanges,
  RuntimeChangesSchema,
} from "../../../core/config/runtime/runtime-changes.ts";
import { fitsSchema } from "../../../core/schema/check.ts";
import type { Logger } from "../logging/logger.ts";
import type { Store } from "../store/store.ts";

const SETTING = "runtime_changes";
const VERSION = "settings_version";

export function saveChanges(store: Store, changes: RuntimeChanges): void {
  store.saveSetting(SETTING, JSON.stringify(changes));
}

/** Gives the changes that outlived the last run; what cannot be read is left out, with a complaint. */
export function loadChanges(store: Store, log: Logger): RuntimeChanges {
  const text = store.loadSetting(SETTING);
  if (text === null) return NO_CHANGES;
  try {
    const value: unknown = JSON.parse(text);
    if (fitsSchema(RuntimeChangesSchema, value)) return value;
  } catch {
    // Said below.
  }
  log.error("the changes that were made at run time cannot be read and are left out", { setting: SETTING });
  return NO_CHANGES;
}

/** The version that a start begins with: none that anybody has seen, since what does not last is gone. */
export function firstVersion(store: Store): number {
  const last = Number(store.loadSetting(VERSION) ?? 0);
  return Number.isSafeInteger(last) && last >= 0 ? last + 1 : 1;
}

export function saveVersion(store: Store, version: number): void {
  store.saveSetting(VERSION, String(version));
}

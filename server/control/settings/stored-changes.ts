/** Where changes at run time outlive a restart. */
import {
  NO_CHANGES,
  type RuntimeChanges,
  RuntimeChangesSchema,
} from "../../../core/config/runtime-changes.ts";
import { fitsSchema } from "../../../core/schema/check.ts";
import type { Logger } from "../logging/logger.ts";
import type { Store } from "../store/store.ts";

const SETTING = "runtime_changes";

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

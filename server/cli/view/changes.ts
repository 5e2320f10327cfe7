/** Changes of keys as the server tells them: `key: from → to`. */
import { record, textOf } from "../json.ts";

export function changesText(changes: readonly unknown[]): readonly string[] {
  return changes.map((each) => {
    const change = record(each);
    return `${textOf(change, "key") ?? ""}: ${valueText(change.from)} → ${valueText(change.to)}`;
  });
}

/** A value as it would stand in a file; what is absent as (unset). */
function valueText(value: unknown): string {
  return value === undefined || value === null ? "(unset)" : JSON.stringify(value);
}

/** What a change comes to: before and after of each key. */
import type { Change } from "../types.ts";
import { shown } from "./format.ts";

export function Changes({ changes }: { readonly changes: readonly Change[] }) {
  return (
    <dl class="changes">
      {changes.map(({ key, from, to }) => (
        <div key={key}>
          <dt class="mono">{key}</dt>
          <dd>
            {from === null || from === undefined ? null : <del>{shown(from)}</del>}
            <span class="visually-hidden">becomes</span>
            <ins>{shown(to)}</ins>
          </dd>
        </div>
      ))}
    </dl>
  );
}

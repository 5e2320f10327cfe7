/** Who has changed what, newest first. */
import { useResource } from "../store/resource.ts";
import { useSignal } from "../store/signal.ts";
import { isAdmin, who } from "../store/state.ts";
import type { AuditEntry } from "../types.ts";
import { Changes } from "../ui/changes.tsx";
import { dayAndClock } from "../ui/format.ts";
import { Badge, Empty, Loading } from "../ui/parts.tsx";

const EVERY_MS = 5_000;

export function AuditView() {
  useSignal(who);
  return (
    <>
      <div class="page-head">
        <h1>Audit</h1>
        <span class="soft">every change of the configuration and of backends</span>
      </div>
      {isAdmin() ? (
        <Entries />
      ) : (
        <Empty icon="audit" title="For administrators">
          <p>
            Log in with a key of the scope <code>admin</code> to see who has changed what.
          </p>
        </Empty>
      )}
    </>
  );
}

function Entries() {
  const { value, error, missing } = useResource<{ readonly entries: readonly AuditEntry[] }>(
    "/audit?limit=200",
    EVERY_MS,
  );
  if (missing) {
    return (
      <Empty icon="audit" title="This server keeps no record of changes">
        <p>It is older than this page expects.</p>
      </Empty>
    );
  }
  if (value === null) return <Loading error={error} />;
  if (value.entries.length === 0) {
    return (
      <Empty icon="audit" title="Nothing has been changed yet">
        <p>Changes made here or by the management API appear with who made them.</p>
      </Empty>
    );
  }
  return (
    <ol class="audit">
      {value.entries.map((entry, index) => (
        <li key={index} class="panel audit-entry">
          <p class="audit-head">
            <time class="soft">{dayAndClock(entry.at)}</time>
            <b>{entry.actor === "" ? "this host" : entry.actor}</b>
            <Badge tone="info">{entry.action}</Badge>
            {entry.target === null || entry.target === "" ? null : <span class="mono">{entry.target}</span>}
            {entry.persist === false ? <Badge tone="warn">until restart</Badge> : null}
          </p>
          {(entry.changes ?? []).length === 0 ? null : <Changes changes={entry.changes} />}
        </li>
      ))}
    </ol>
  );
}

/** What has been changed but not applied, at the foot of the page. */
import { useState } from "preact/hooks";
import { ApiError } from "../../api.ts";
import { apply, type Draft, draft, preview } from "../../store/draft.ts";
import type { ConfigChange } from "../../types.ts";
import { Changes } from "../../ui/changes.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { plural } from "../../ui/format.ts";
import { Button } from "../../ui/parts.tsx";
import { complain } from "../../ui/toast.tsx";

export function DraftBar(props: {
  readonly edit: Draft;
  readonly etag: string | null;
  readonly onDone: () => Promise<void>;
}) {
  const { edit, etag, onDone } = props;
  const [looked, setLooked] = useState<ConfigChange | null>(null);
  const [persists, setPersists] = useState(true);
  const look = async (): Promise<void> => {
    try {
      setLooked(await preview(edit, etag));
    } catch (error) {
      complain(withFields(error));
      if (error instanceof ApiError && error.status === 412) await onDone();
    }
  };
  const change = async (): Promise<void> => {
    try {
      await apply(edit, etag, persists);
      setLooked(null);
    } catch (error) {
      complain(withFields(error));
    }
    await onDone();
  };
  return (
    <div class="draft-bar" role="region" aria-label="Changes that are not applied">
      <p>{plural(Object.keys(edit).length, "change")} not applied</p>
      <Button kind="quiet" onClick={() => draft.set({})}>
        Discard
      </Button>
      <Button kind="primary" onClick={() => void look()}>
        Preview
      </Button>
      {looked === null ? null : (
        <Dialog title="Preview" onClose={() => setLooked(null)}>
          <div class="dialog-body">
            {looked.changes.length === 0 ? <p>Nothing would be different.</p> : <Changes changes={looked.changes} />}
            {looked.restart_required.length === 0 ? null : (
              <p class="card-reason">Counts after a restart: {looked.restart_required.join(", ")}</p>
            )}
            <label class="check">
              <input type="checkbox" checked={persists} onChange={(event) => setPersists(event.currentTarget.checked)} />
              Keep it over restarts
            </label>
            <p class="dialog-actions">
              <Button onClick={() => setLooked(null)}>Back</Button>
              <Button kind="primary" disabled={looked.changes.length === 0} onClick={() => void change()}>
                Apply
              </Button>
            </p>
          </div>
        </Dialog>
      )}
    </div>
  );
}

/** All that is wrong, not the first thing alone. */
function withFields(error: unknown): unknown {
  if (!(error instanceof ApiError) || error.errors.length < 2) return error;
  return new Error(error.errors.map(({ field, rule }) => `${field} ${rule}`).join("; "));
}

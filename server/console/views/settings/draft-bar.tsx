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
  const look = async (): Promise<void> => {
    try {
      setLooked(await preview(edit, etag));
    } catch (error) {
      complain(withFields(error));
      if (error instanceof ApiError && error.status === 412) await onDone();
    }
  };
  const change = async (persist: boolean): Promise<void> => {
    try {
      await apply(edit, etag, persist);
      setLooked(null);
    } catch (error) {
      complain(withFields(error));
    }
    await onDone();
  };
  return (
    <section class="draft-bar" aria-label="Changes that are not applied">
      <p>{plural(Object.keys(edit).length, "change")} not applied</p>
      <Button kind="quiet" onClick={() => draft.set({})}>
        Discard
      </Button>
      <Button kind="primary" onClick={() => void look()}>
        Preview
      </Button>
      {looked === null ? null : (
        <Preview
          looked={looked}
          onClose={() => setLooked(null)}
          onApply={(persist) => void change(persist)}
        />
      )}
    </section>
  );
}

function Preview(props: {
  readonly looked: ConfigChange;
  readonly onClose: () => void;
  readonly onApply: (persist: boolean) => void;
}) {
  const { looked, onClose, onApply } = props;
  const [persists, setPersists] = useState(true);
  return (
    <Dialog title="Preview" onClose={onClose}>
      <div class="dialog-body">
        {looked.changes.length === 0 ? (
          <p>Nothing would be different.</p>
        ) : (
          <Changes changes={looked.changes} />
        )}
        {looked.restart_required.length === 0 ? null : (
          <p class="card-reason">Counts after a restart: {looked.restart_required.join(", ")}</p>
        )}
        <label class="check">
          <input
            type="checkbox"
            checked={persists}
            onChange={(event) => setPersists(event.currentTarget.checked)}
          />
          Keep it over restarts
        </label>
        <p class="dialog-actions">
          <Button onClick={onClose}>Back</Button>
          <Button kind="primary" disabled={looked.changes.length === 0} onClick={() => onApply(persists)}>
            Apply
          </Button>
        </p>
      </div>
    </Dialog>
  );
}

/** All that is wrong, not the first thing alone. */
function withFields(error: unknown): unknown {
  if (!(error instanceof ApiError) || error.errors.length < 2) return error;
  return new Error(error.errors.map(({ field, rule }) => `${field} ${rule}`).join("; "));
}

/** Begins a migration. */
import { useState } from "preact/hooks";
import { call, messageOf } from "../../api.ts";
import { useSignal } from "../../store/signal.ts";
import { backends } from "../../store/state.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { TextField } from "../../ui/field.tsx";
import { Button, Problem } from "../../ui/parts.tsx";
import { tell } from "../../ui/toast.tsx";
import { tagsOf } from "../fleet/choose.ts";

/** As they stand in the form. */
const START = { from: "", to: "", stages: "1, 5, 25, 50, 100", hold_seconds: "60" };

type Fields = typeof START;

export function MigrationForm({ onClose }: { readonly onClose: () => void }) {
  const [fields, setFields] = useState(START);
  const [problem, setProblem] = useState("");
  const begin = async (): Promise<void> => {
    const body = {
      from: fields.from.trim(),
      to: fields.to.trim(),
      stages: fields.stages.split(",").map((share) => Number(share.trim())),
      hold_seconds: Number(fields.hold_seconds),
    };
    try {
      await call("/migrations", { method: "POST", body });
      tell(`Traffic begins to move from ${body.from} to ${body.to}.`);
      onClose();
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  return (
    <Dialog title="New migration" drawer onClose={onClose}>
      <form
        class="dialog-body form"
        onSubmit={(event) => {
          event.preventDefault();
          void begin();
        }}
      >
        <Problem text={problem} />
        <Inputs fields={fields} onChange={setFields} />
        <p class="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit">
            Begin
          </Button>
        </p>
      </form>
    </Dialog>
  );
}

function Inputs({
  fields,
  onChange,
}: {
  readonly fields: Fields;
  readonly onChange: (fields: Fields) => void;
}) {
  const tags = tagsOf(useSignal(backends) ?? []);
  const field = (name: keyof Fields, label: string, hint: string, list = "") => (
    <TextField
      name={name}
      label={label}
      hint={hint}
      list={list}
      required
      value={fields[name]}
      onChange={(value) => onChange({ ...fields, [name]: value })}
    />
  );
  return (
    <>
      <datalist id="known-tags">
        {tags.map((tag) => (
          <option key={tag} value={tag} />
        ))}
      </datalist>
      {field("from", "From the backends with the tag", "Those that have the traffic now", "known-tags")}
      {field("to", "To the backends with the tag", "Those that are to get it", "known-tags")}
      {field("stages", "Stages", "Shares of the traffic in percent, separated by commas")}
      {field("hold_seconds", "Seconds in each stage", "How long it must go well before the next one")}
    </>
  );
}

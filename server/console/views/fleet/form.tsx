/** Adds a backend or changes one: a form, a look at what it comes to, then the change. */
import { useState } from "preact/hooks";
import { messageOf } from "../../api.ts";
import { applyEdit, type BackendEdit, previewEdit } from "../../store/actions.ts";
import type { Backend, Change } from "../../types.ts";
import { Changes } from "../../ui/changes.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { TextField } from "../../ui/field.tsx";
import { Button, Problem } from "../../ui/parts.tsx";
import { nameOf } from "./choose.ts";

/** As they stand in the form. */
interface Fields {
  readonly url: string;
  readonly id: string;
  readonly weight: string;
  readonly max_in_flight: string;
  readonly max_connections: string;
  readonly backup: string;
  readonly tags: string;
  readonly lat: string;
  readonly lon: string;
}

export function BackendForm({
  backend,
  onClose,
}: {
  readonly backend?: Backend;
  readonly onClose: () => void;
}) {
  const [fields, setFields] = useState(() => fieldsOf(backend));
  const [looked, setLooked] = useState<readonly Change[] | null>(null);
  const [problem, setProblem] = useState("");
  const before = fieldsOf(backend);
  const edit = editOf(fields, backend === undefined ? null : before);
  const goOn = async (): Promise<void> => {
    setProblem("");
    try {
      if (looked === null) setLooked(await previewEdit(backend, edit));
      else {
        await applyEdit(backend, edit);
        onClose();
      }
    } catch (error) {
      setProblem(messageOf(error));
      setLooked(null);
    }
  };
  const title = backend === undefined ? "Add a backend" : `Edit ${nameOf(backend)}`;
  return (
    <Dialog title={title} drawer onClose={onClose}>
      <form
        class="dialog-body form"
        onSubmit={(event) => {
          event.preventDefault();
          void goOn();
        }}
      >
        <Problem text={problem} />
        {looked === null ? (
          <Inputs
            fields={fields}
            isNew={backend === undefined}
            onChange={(change) => setFields({ ...fields, ...change })}
          />
        ) : (
          <Preview changes={looked} backend={backend} />
        )}
        <p class="dialog-actions">
          <Button onClick={looked === null ? onClose : () => setLooked(null)}>
            {looked === null ? "Cancel" : "Back"}
          </Button>
          <Button kind="primary" type="submit" disabled={Object.keys(edit).length === 0}>
            {looked === null ? "Preview" : "Apply"}
          </Button>
        </p>
      </form>
    </Dialog>
  );
}

function Inputs(props: {
  readonly fields: Fields;
  readonly isNew: boolean;
  readonly onChange: (change: Partial<Fields>) => void;
}) {
  const { fields, isNew, onChange } = props;
  const field = (name: keyof Fields, label: string, more: Partial<Parameters<typeof TextField>[0]> = {}) => (
    <TextField
      name={name}
      label={label}
      value={fields[name]}
      onChange={(value) => onChange({ [name]: value })}
      {...more}
    />
  );
  return (
    <>
      {isNew
        ? field("url", "URL", { hint: "Where requests go, such as http://10.0.0.5:8080", required: true })
        : null}
      {isNew ? field("id", "Name", { hint: "Made of the address when empty" }) : null}
      {field("weight", "Weight", { hint: "Its share beside others; 0 = nothing new", numeric: true })}
      {field("max_in_flight", "Most requests in flight", { hint: "0 = any number", numeric: true })}
      {field("max_connections", "Most connections", { hint: "0 = any number", numeric: true })}
      {field("backup", "Backup", { hint: "no, yes, or the name of the backend that it stands in for" })}
      {field("tags", "Tags", { hint: "Separated by commas" })}
      {isNew ? (
        <div class="pair">
          {field("lat", "Latitude", { numeric: true })}
          {field("lon", "Longitude", { numeric: true })}
        </div>
      ) : null}
    </>
  );
}

function Preview({
  changes,
  backend,
}: {
  readonly changes: readonly Change[];
  readonly backend: Backend | undefined;
}) {
  return (
    <>
      <p>{backend === undefined ? "This backend will be added:" : "This will change:"}</p>
      {changes.length === 0 ? <p class="soft">Nothing would be different.</p> : <Changes changes={changes} />}
    </>
  );
}

function fieldsOf(backend: Backend | undefined): Fields {
  const { backup = false } = backend ?? {};
  return {
    url: backend?.endpoints?.[0]?.url ?? "",
    id: backend?.id ?? "",
    weight: String(backend?.weight ?? 1),
    max_in_flight: String(backend?.max_in_flight ?? 0),
    max_connections: String(backend?.max_connections ?? 0),
    backup: backup === false ? "no" : backup === true ? "yes" : backup,
    tags: (backend?.tags ?? []).join(", "),
    lat: "",
    lon: "",
  };
}

/** What the form asks for; of a known backend only what differs. */
function editOf(fields: Fields, before: Fields | null): BackendEdit {
  const differs = (name: keyof Fields): boolean =>
    before === null || fields[name].trim() !== before[name].trim();
  const defaults = fieldsOf(undefined);
  const isSet = (name: keyof Fields): boolean =>
    differs(name) && (before !== null || fields[name] !== defaults[name]);
  const backup = fields.backup.trim();
  return {
    ...(before === null && fields.url.trim() !== "" ? { url: fields.url.trim() } : {}),
    ...(before === null && fields.id.trim() !== "" ? { id: fields.id.trim() } : {}),
    ...(isSet("weight") ? { weight: Number(fields.weight) } : {}),
    ...(isSet("max_in_flight") ? { max_in_flight: Number(fields.max_in_flight) } : {}),
    ...(isSet("max_connections") ? { max_connections: Number(fields.max_connections) } : {}),
    ...(isSet("backup")
      ? { backup: backup === "yes" ? true : backup === "no" || backup === "" ? false : backup }
      : {}),
    ...(isSet("tags") ? { tags: tagsOf(fields.tags) } : {}),
    ...(before === null && fields.lat !== "" && fields.lon !== ""
      ? { location: { lat: Number(fields.lat), lon: Number(fields.lon) } }
      : {}),
  };
}

function tagsOf(text: string): readonly string[] {
  return [...new Set(text.split(",").map((tag) => tag.trim()))].filter((tag) => tag !== "");
}

/** Every backend: as cards, as a table, or as a field of tiles. */
import { useMemo, useState } from "preact/hooks";
import { recall, remember } from "../store/prefs.ts";
import { useSignal } from "../store/signal.ts";
import { backends as fleet, isAdmin, who } from "../store/state.ts";
import type { Backend } from "../types.ts";
import { Icon } from "../ui/icons.tsx";
import { Button, Empty, Segmented } from "../ui/parts.tsx";
import { Cards } from "./fleet/cards.tsx";
import { type Choice, chosenOf, SORTS, type SortKey, tagsOf } from "./fleet/choose.ts";
import { BackendDrawer } from "./fleet/drawer.tsx";
import { BackendForm } from "./fleet/form.tsx";
import { Summary } from "./fleet/summary.tsx";
import { FleetTable } from "./fleet/table.tsx";
import { Tiles } from "./fleet/tiles.tsx";

type Mode = "cards" | "table" | "heat";

/** From here on a table shows more than cards would. */
const MANY = 13;

const MODES = [
  { value: "cards", label: "Cards", icon: "cards" },
  { value: "table", label: "Table", icon: "table" },
  { value: "heat", label: "Heat map", icon: "heat" },
] as const;

export function FleetView() {
  const all = useSignal(fleet);
  useSignal(who);
  const [preferred, setMode] = useState(recall("fleet-mode", ""));
  const [choice, setChoice] = useState<Choice>({ text: "", status: "", tag: "", sort: "name", down: false });
  const [openId, setOpenId] = useState<string | null>(null);
  const [isAdding, setAdding] = useState(false);
  const chosen = useMemo(() => chosenOf(all ?? [], choice), [all, choice]);
  const mode = modeOf(preferred, all?.length ?? 0);
  const open = all?.find(({ id }) => id === openId) ?? null;
  return (
    <>
      <div class="page-head">
        <h1>Fleet</h1>
        <span class="spacer" />
        {isAdmin() ? (
          <Button kind="primary" icon="plus" onClick={() => setAdding(true)}>
            Add backend
          </Button>
        ) : null}
      </div>
      <Summary />
      {all !== null && all.length > 0 ? (
        <Tools
          all={all}
          choice={choice}
          mode={mode}
          shown={chosen.length}
          onChoice={setChoice}
          onMode={(to) => {
            remember("fleet-mode", to);
            setMode(to);
          }}
        />
      ) : null}
      <Body all={all} chosen={chosen} mode={mode} choice={choice} onOpen={setOpenId} onChoice={setChoice} />
      {open === null ? null : <BackendDrawer backend={open} onClose={() => setOpenId(null)} />}
      {isAdding ? <BackendForm onClose={() => setAdding(false)} /> : null}
    </>
  );
}

function Body(props: {
  readonly all: readonly Backend[] | null;
  readonly chosen: readonly Backend[];
  readonly mode: Mode;
  readonly choice: Choice;
  readonly onOpen: (id: string) => void;
  readonly onChoice: (choice: Choice) => void;
}) {
  const { all, chosen, mode, choice, onOpen, onChoice } = props;
  if (all === null) return <p class="loading">Waiting for the first figures…</p>;
  if (all.length === 0) {
    return (
      <Empty icon="fleet" title="No backend yet">
        <p>
          Start <code>opsen-client</code> on a host with the address of this server, list backends under{" "}
          <code>backends:</code> in <code>server.yml</code>, or add one here.
        </p>
      </Empty>
    );
  }
  if (chosen.length === 0) {
    return (
      <Empty icon="search" title="No backend matches">
        <p>
          <Button onClick={() => onChoice({ ...choice, text: "", status: "", tag: "" })}>
            Show all {all.length}
          </Button>
        </p>
      </Empty>
    );
  }
  if (mode === "heat") return <Tiles backends={chosen} onOpen={onOpen} />;
  if (mode === "table")
    return <FleetTable backends={chosen} choice={choice} onChoice={onChoice} onOpen={onOpen} />;
  return <Cards backends={chosen} onOpen={onOpen} />;
}

function Tools(props: {
  readonly all: readonly Backend[];
  readonly choice: Choice;
  readonly mode: Mode;
  readonly shown: number;
  readonly onChoice: (choice: Choice) => void;
  readonly onMode: (mode: Mode) => void;
}) {
  const { all, choice, mode, shown, onChoice, onMode } = props;
  const statuses = [...new Set(all.map(({ status }) => status ?? "unknown"))].toSorted();
  const tags = tagsOf(all);
  return (
    <div class="tools">
      <label class="search">
        <Icon name="search" />
        <span class="visually-hidden">Search backends</span>
        <input
          type="search"
          placeholder="Search name, address, tag…"
          value={choice.text}
          onInput={(event) => onChoice({ ...choice, text: event.currentTarget.value })}
        />
      </label>
      <Select
        label="Status"
        value={choice.status}
        options={statuses}
        onChange={(status) => onChoice({ ...choice, status })}
      />
      {tags.length === 0 ? null : (
        <Select
          label="Tag"
          value={choice.tag}
          options={tags}
          onChange={(tag) => onChoice({ ...choice, tag })}
        />
      )}
      <Sort choice={choice} onChoice={onChoice} />
      <span class="shown" role="status">
        {shown === all.length ? "" : `${shown} of ${all.length}`}
      </span>
      <Segmented label="Show as" value={mode} options={MODES} onChange={onMode} />
    </div>
  );
}

function Sort(props: { readonly choice: Choice; readonly onChoice: (choice: Choice) => void }) {
  const { choice, onChoice } = props;
  return (
    <label class="select">
      <span class="visually-hidden">Sort by</span>
      <select
        value={choice.sort}
        onChange={(event) => {
          const sort =
            SORTS.find(({ key }) => key === event.currentTarget.value)?.key ?? ("name" satisfies SortKey);
          onChoice({ ...choice, sort, down: sort !== "name" });
        }}
      >
        {SORTS.map(({ key, label }) => (
          <option key={key} value={key}>
            Sort: {label}
          </option>
        ))}
      </select>
    </label>
  );
}

function Select(props: {
  readonly label: string;
  readonly value: string;
  readonly options: readonly string[];
  readonly onChange: (value: string) => void;
}) {
  return (
    <label class="select">
      <span class="visually-hidden">{props.label}</span>
      <select value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)}>
        <option value="">{props.label}: all</option>
        {props.options.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}

function modeOf(preferred: string, count: number): Mode {
  if (preferred === "cards" || preferred === "table" || preferred === "heat") return preferred;
  return count < MANY ? "cards" : "table";
}

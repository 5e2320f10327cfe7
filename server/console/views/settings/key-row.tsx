/** One setting: its name and meaning, its value, and the input to change that. */
import { useEffect, useId, useState } from "preact/hooks";
import { isAdmin } from "../../store/state.ts";
import type { KeyInfo } from "../../types.ts";
import { shown } from "../../ui/format.ts";
import { Badge, Button } from "../../ui/parts.tsx";

export interface KeyRowProps {
  readonly name: string;
  readonly info: KeyInfo | undefined;
  readonly value: unknown;
  /** The new value, not yet applied; null when none is drafted. */
  readonly drafted: { readonly value: unknown } | null;
  readonly isLive: boolean;
  readonly override: { readonly by?: string; readonly persist?: boolean } | undefined;
  readonly onChange: (value: unknown) => void;
}

export function KeyRow(props: KeyRowProps) {
  const { name, info, value, drafted, isLive, override, onChange } = props;
  const id = useId();
  const current = drafted === null ? value : drafted.value;
  // What no call may change: secrets, and what names files.
  const isFixed = value === "***" || info?.file_only === true;
  return (
    <li class={`key-row ${drafted === null ? "" : "drafted"}`}>
      <div class="key-about">
        <label class="mono key-name" for={id}>
          {name}
        </label>
        <span class="badges">
          {isFixed ? <Badge>file only</Badge> : isLive ? null : <Badge tone="warn">restart</Badge>}
          {override === undefined ? null : (
            <Badge tone="info">{`set here${override.by === undefined || override.by === "" ? "" : ` by ${override.by}`}`}</Badge>
          )}
        </span>
        {info === undefined ? null : <Help text={info.help} />}
      </div>
      <div class="key-value">
        {isAdmin() && !isFixed ? (
          <Editor id={id} name={name} info={info} value={current} onChange={onChange} />
        ) : (
          <output id={id} class="mono">
            {shown(value)}
          </output>
        )}
        {override === undefined || !isAdmin() ? null : (
          <Button
            kind="quiet"
            icon="undo"
            title="Back to what the file says"
            onClick={() => onChange(undefined)}
          >
            File's value
          </Button>
        )}
      </div>
    </li>
  );
}

/** Names in backquotes are set as code. */
function Help({ text }: { readonly text: string }) {
  return (
    <p class="key-help">
      {text.split("`").map((part, index) => (index % 2 === 1 ? <code key={part}>{part}</code> : part))}
    </p>
  );
}

interface EditorProps {
  readonly id: string;
  readonly name: string;
  readonly info: KeyInfo | undefined;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
}

function Editor({ id, name, info, value, onChange }: EditorProps) {
  if (typeof value === "boolean") {
    return (
      <input
        id={id}
        type="checkbox"
        class="switch"
        checked={value}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
    );
  }
  if (info?.choices !== undefined && (typeof value === "string" || value === undefined)) {
    return (
      <select
        id={id}
        name={name}
        value={value ?? ""}
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        {info.choices.map((choice) => (
          <option key={choice} value={choice}>
            {choice}
          </option>
        ))}
      </select>
    );
  }
  return <TextEditor id={id} name={name} info={info} value={value} onChange={onChange} />;
}

/** A number or a text as it is, anything else as JSON; taken over when the field is left or Enter is pressed. */
function TextEditor({ id, name, info, value, onChange }: EditorProps) {
  const [text, setText] = useState(textOf(value));
  const [problem, setProblem] = useState("");
  useEffect(() => setText(textOf(value)), [value]);
  const takeOver = (): void => {
    if (text === textOf(value)) return;
    const read = readText(text, value);
    setProblem(read === null ? problemOf(value) : "");
    if (read !== null) onChange(read.value);
  };
  const isLong = typeof value === "object" && value !== null;
  const common = {
    id,
    name,
    value: text,
    spellcheck: false,
    "aria-invalid": problem !== "",
    onInput: (event: { readonly currentTarget: { readonly value: string } }) =>
      setText(event.currentTarget.value),
    onBlur: takeOver,
  };
  return (
    <>
      {isLong ? (
        <textarea {...common} class="mono" rows={Math.min(12, text.split("\n").length)} />
      ) : (
        <input
          {...common}
          class="mono"
          inputMode={typeof value === "number" ? "decimal" : "text"}
          title={boundsOf(info)}
          onKeyDown={(event) => {
            if (event.key === "Enter") takeOver();
          }}
        />
      )}
      {problem === "" ? null : (
        <small class="field-problem" role="alert">
          {problem}
        </small>
      )}
    </>
  );
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "object" ? JSON.stringify(value, null, 2) : shown(value);
}

/** What a text stands for, by the kind of the value before; null for nothing. */
function readText(text: string, before: unknown): { readonly value: unknown } | null {
  if (typeof before === "string") {
    // Some keys take a word or a number, such as workers.
    return before === "auto" && /^\d+$/.test(text) ? { value: Number(text) } : { value: text };
  }
  if (typeof before === "number") {
    const number = Number(text);
    return text.trim() === "" || Number.isNaN(number) ? null : { value: number };
  }
  try {
    return { value: JSON.parse(text) };
  } catch {
    return null;
  }
}

function boundsOf(info: KeyInfo | undefined): string {
  if (info?.minimum === undefined) return "";
  return info.maximum === undefined ? `at least ${info.minimum}` : `${info.minimum} to ${info.maximum}`;
}

function problemOf(before: unknown): string {
  return typeof before === "number" ? "This takes a number." : "This is no valid JSON.";
}

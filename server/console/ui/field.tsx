/** A text input with its name, and a hint that is told apart from that. */
import { useId } from "preact/hooks";

export function TextField(props: {
  readonly label: string;
  readonly name: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly hint?: string;
  readonly placeholder?: string;
  readonly numeric?: boolean;
  readonly required?: boolean;
  /** Id of a list of what is known. */
  readonly list?: string;
}) {
  const {
    label,
    name,
    value,
    onChange,
    hint,
    placeholder = "",
    numeric = false,
    required = false,
    list = "",
  } = props;
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        name={name}
        type="text"
        inputMode={numeric ? "decimal" : "text"}
        required={required}
        value={value}
        placeholder={placeholder}
        list={list}
        autocomplete="off"
        spellcheck={false}
        {...(hint === undefined ? {} : { "aria-describedby": `${id}-hint` })}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      {hint === undefined ? null : <small id={`${id}-hint`}>{hint}</small>}
    </div>
  );
}

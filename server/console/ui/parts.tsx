/** Small parts that every view uses. */
import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icons.tsx";

type Tone = "good" | "warn" | "bad" | "info" | "idle";

const TONES: Readonly<Record<string, Tone>> = {
  healthy: "good",
  running: "good",
  completed: "good",
  unhealthy: "bad",
  ejected: "bad",
  aborted: "bad",
  "rolled back": "bad",
  failed: "bad",
  draining: "info",
  stale: "warn",
  paused: "warn",
  unknown: "idle",
};

/** How a status is coloured. */
export function toneOf(status: string | undefined): Tone {
  return TONES[status ?? "unknown"] ?? "idle";
}

/** A word with a dot: colour is never all that tells. */
export function Status({ status }: { readonly status: string }) {
  return (
    <span class={`status ${toneOf(status)}`}>
      <i />
      {status}
    </span>
  );
}

export function Badge({
  tone = "idle",
  children,
}: {
  readonly tone?: Tone;
  readonly children: ComponentChildren;
}) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

export interface ButtonProps {
  readonly children: ComponentChildren;
  readonly onClick?: () => void;
  readonly icon?: IconName;
  readonly kind?: "plain" | "primary" | "danger" | "quiet";
  readonly type?: "button" | "submit";
  readonly disabled?: boolean;
  readonly title?: string;
}

export function Button({ children, icon, kind = "plain", type = "button", ...rest }: ButtonProps) {
  return (
    <button class={`button ${kind}`} type={type} {...rest}>
      {icon === undefined ? null : <Icon name={icon} size={14} />}
      {children}
    </button>
  );
}

/** A button that is a picture alone; its name is for those who cannot see that, and a tooltip. */
export function IconButton(props: {
  readonly icon: IconName;
  readonly label: string;
  readonly onClick: () => void;
  readonly pressed?: boolean;
}) {
  const { icon, label, onClick, pressed } = props;
  return (
    <button
      class="icon-button"
      type="button"
      aria-label={label}
      title={label}
      onClick={onClick}
      {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
    >
      <Icon name={icon} />
    </button>
  );
}

/** Nothing to show yet, and what to do about it. */
export function Empty(props: {
  readonly icon: IconName;
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <Icon name={props.icon} size={28} />
      <h2>{props.title}</h2>
      <div class="empty-text">{props.children}</div>
    </div>
  );
}

export function Panel(props: {
  readonly title?: ComponentChildren;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
  readonly class?: string;
}) {
  return (
    <section class={`panel ${props.class ?? ""}`}>
      {props.title === undefined ? null : (
        <header class="panel-head">
          <h2>{props.title}</h2>
          <span class="panel-aside">{props.aside}</span>
        </header>
      )}
      {props.children}
    </section>
  );
}

/** One of a few, as buttons side by side. */
export function Segmented<Value extends string>(props: {
  readonly label: string;
  readonly value: Value;
  readonly options: readonly { readonly value: Value; readonly label: string; readonly icon?: IconName }[];
  readonly onChange: (value: Value) => void;
}) {
  return (
    <fieldset class="segmented">
      <legend class="visually-hidden">{props.label}</legend>
      {props.options.map(({ value, label, icon }) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === props.value}
          onClick={() => props.onChange(value)}
          title={label}
        >
          {icon === undefined ? null : <Icon name={icon} size={14} />}
          <span class={icon === undefined ? "" : "segmented-text"}>{label}</span>
        </button>
      ))}
    </fieldset>
  );
}

export function Loading({ error }: { readonly error: string }) {
  if (error === "") return <p class="loading">Loading…</p>;
  return <Problem text={error} />;
}

/** What the server says against something; nothing when it says nothing. */
export function Problem({ text }: { readonly text: string }) {
  if (text === "") return null;
  return (
    <p class="problem" role="alert">
      {text}
    </p>
  );
}

/** Something wide or long that scrolls by itself, by keyboard as well. */
export function Scroll(props: {
  readonly label: string;
  readonly tall?: boolean;
  readonly children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keyboard
    <section class={props.tall === true ? "scroll tall" : "scroll"} tabIndex={0} aria-label={props.label}>
      {props.children}
    </section>
  );
}

/** The end of the log, as it is written. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { listen } from "../store/live.ts";
import { useSignal } from "../store/signal.ts";
import { isAdmin, logLines, who } from "../store/state.ts";
import { shown } from "../ui/format.ts";
import { Icon } from "../ui/icons.tsx";
import { Button, Empty, Segmented } from "../ui/parts.tsx";

const MAX_SHOWN = 500;
/** So far from the end, and new lines do not pull the reader down. */
const NEAR_END_PX = 60;

type Level = "all" | "warn" | "error";

const LEVELS = [
  { value: "all", label: "All" },
  { value: "warn", label: "Warnings" },
  { value: "error", label: "Errors" },
] as const;

export function LogView() {
  useSignal(who);
  return (
    <>
      <div class="page-head">
        <h1>Log</h1>
      </div>
      {isAdmin() ? (
        <Tail />
      ) : (
        <Empty icon="log" title="For administrators">
          <p>
            Log in with a key of the scope <code>admin</code>: the log tells who asks for what, and who has
            changed it.
          </p>
        </Empty>
      )}
    </>
  );
}

function Tail() {
  const live = useSignal(logLines);
  const [held, setHeld] = useState<readonly string[] | null>(null);
  const [text, setText] = useState("");
  const [level, setLevel] = useState<Level>("all");
  useEffect(() => listen("log"), []);
  const lines = held ?? live;
  const found = useMemo(() => {
    const wanted = text.toLowerCase();
    return lines
      .filter((line) => isAtLeast(line, level) && (wanted === "" || line.toLowerCase().includes(wanted)))
      .slice(-MAX_SHOWN);
  }, [lines, text, level]);
  return (
    <>
      <div class="tools">
        <label class="search">
          <Icon name="search" />
          <span class="visually-hidden">Search the log</span>
          <input
            type="search"
            placeholder="Search the log…"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <Segmented label="Least level" value={level} options={LEVELS} onChange={setLevel} />
        <span class="shown" role="status">
          {lines.length === found.length ? "" : `${found.length} of ${lines.length} lines`}
        </span>
        <Button icon={held === null ? "pause" : "play"} onClick={() => setHeld(held === null ? live : null)}>
          {held === null ? "Pause" : "Go on"}
        </Button>
      </div>
      {found.length === 0 ? (
        <Empty icon="log" title={lines.length === 0 ? "Nothing logged yet" : "No line matches"}>
          <p>Lines appear here as the server writes them; it keeps about the last two thousand.</p>
        </Empty>
      ) : (
        <Lines lines={found} />
      )}
    </>
  );
}

function Lines({ lines }: { readonly lines: readonly string[] }) {
  const box = useRef<HTMLPreElement>(null);
  const follows = useRef(true);
  useEffect(() => {
    const element = box.current;
    if (element !== null && follows.current) element.scrollTop = element.scrollHeight;
  }, [lines]);
  return (
    <pre
      class="log-lines"
      ref={box}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keyboard
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label="Log lines"
      onScroll={(event) => {
        const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
        follows.current = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
      }}
    >
      {lines.map((line, index) => (
        <span key={index} class={`line ${levelOf(line)}`}>
          <Line line={line} />
          {"\n"}
        </span>
      ))}
    </pre>
  );
}

/** A line of JSON in the form that is easier to read, any other as it is. */
function Line({ line }: { readonly line: string }) {
  const entry = entryOf(line);
  if (entry === null) return <>{line}</>;
  const { timestamp = "", level = "", component = "", message = "", data = {} } = entry;
  const facts = Object.entries(data).map(([name, value]) => ` ${name}=${shown(value)}`);
  return (
    <>
      <span class="when">{timestamp.slice(11, 23)}</span> {level.toUpperCase().padEnd(5)} {component}:{" "}
      <b>{message}</b>
      <span class="when">{facts.join("")}</span>
    </>
  );
}

interface LogEntry {
  readonly timestamp?: string;
  readonly level?: string;
  readonly component?: string;
  readonly message?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Null for a line that is not JSON, or was cut. */
function entryOf(line: string): LogEntry | null {
  if (!line.startsWith("{")) return null;
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is what the server writes
    return JSON.parse(line) as LogEntry;
  } catch {
    return null;
  }
}

/** By either form of the log. */
function levelOf(line: string): "debug" | "info" | "warn" | "error" {
  const match = /"level":"(\w+)"|\b(DEBUG|INFO|WARN|ERROR|FATAL)\b/.exec(line.slice(0, 120));
  const level = (match?.[1] ?? match?.[2] ?? "info").toLowerCase();
  if (level === "warn" || level === "error" || level === "debug") return level;
  return level === "fatal" ? "error" : "info";
}

function isAtLeast(line: string, level: Level): boolean {
  if (level === "all") return true;
  const its = levelOf(line);
  return its === "error" || (level === "warn" && its === "warn");
}

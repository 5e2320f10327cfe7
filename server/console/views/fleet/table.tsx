/** The fleet as a dense table, of which only the rows on the screen exist. */
import { useEffect, useRef, useState } from "preact/hooks";
import { trailOf } from "../../store/state.ts";
import type { Backend } from "../../types.ts";
import { compact, millis, percent } from "../../ui/format.ts";
import { Bar, HeatStrip } from "../../ui/heat.tsx";
import { Status } from "../../ui/parts.tsx";
import { Spark } from "../../ui/spark.tsx";
import { type Choice, gpuOf, nameOf, type SortKey } from "./choose.ts";

const ROW_PX = 38;
/** Rows beyond the edges, so that scrolling meets no gap. */
const SPARE_ROWS = 8;

const COLUMNS: readonly { readonly sort: SortKey | null; readonly label: string; readonly class: string }[] =
  [
    { sort: "name", label: "Backend", class: "c-name" },
    { sort: null, label: "Status", class: "c-status" },
    { sort: "cpu", label: "CPU", class: "c-cpu" },
    { sort: "memory", label: "Memory", class: "c-share" },
    { sort: "disk", label: "Disk", class: "c-share c-wide" },
    { sort: "gpu", label: "GPU", class: "c-num c-wide" },
    { sort: "latency", label: "Latency", class: "c-num" },
    { sort: "in_flight", label: "In flight", class: "c-num" },
    { sort: "connections", label: "Conns", class: "c-num c-wide" },
    { sort: "leases", label: "Leases", class: "c-num c-wide" },
    { sort: "rate", label: "Last minute", class: "c-spark c-wide" },
  ];

export function FleetTable(props: {
  readonly backends: readonly Backend[];
  readonly choice: Choice;
  readonly onChoice: (choice: Choice) => void;
  readonly onOpen: (id: string) => void;
}) {
  const { backends, choice, onChoice, onOpen } = props;
  const box = useRef<HTMLElement>(null);
  const { first, last } = useWindow(box, backends.length);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keyboard
    <section class="table-box" ref={box} tabIndex={0} aria-label="Backends">
      <table class="fleet-table" aria-rowcount={backends.length + 1}>
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <Head key={column.label} column={column} choice={choice} onChoice={onChoice} />
            ))}
          </tr>
        </thead>
        <tbody>
          <Gap rows={first} />
          {backends.slice(first, last).map((backend, index) => (
            <Row key={backend.id} backend={backend} number={first + index + 2} onOpen={onOpen} />
          ))}
          <Gap rows={backends.length - last} />
        </tbody>
      </table>
    </section>
  );
}

function Head(props: {
  readonly column: (typeof COLUMNS)[number];
  readonly choice: Choice;
  readonly onChoice: (choice: Choice) => void;
}) {
  const { column, choice, onChoice } = props;
  const { sort, label } = column;
  if (sort === null) {
    return (
      <th scope="col" class={column.class}>
        {label}
      </th>
    );
  }
  const isSorted = choice.sort === sort;
  const direction = choice.down ? "descending" : "ascending";
  return (
    <th scope="col" class={column.class} aria-sort={isSorted ? direction : "none"}>
      <button
        type="button"
        onClick={() => onChoice({ ...choice, sort, down: isSorted ? !choice.down : sort !== "name" })}
      >
        {label}
        <span aria-hidden="true">{isSorted ? (choice.down ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
}

function Row(props: {
  readonly backend: Backend;
  readonly number: number;
  readonly onOpen: (id: string) => void;
}) {
  const { backend, number, onOpen } = props;
  const trail = trailOf(backend.id);
  const counts = trail?.lastTotal !== null && trail?.lastTotal !== undefined;
  return (
    <tr aria-rowindex={number} class={backend.routable === false ? "out" : ""}>
      <th scope="row" class="c-name">
        <button type="button" class="row-open" onClick={() => onOpen(backend.id)}>
          {nameOf(backend)}
        </button>
      </th>
      <td class="c-status">
        <Status status={backend.status ?? "unknown"} />
      </td>
      <td class="c-cpu">
        <HeatStrip cores={backend.cpu_pct} />
      </td>
      <Share pct={backend.memory_pct} label="Memory" class="c-share" />
      <Share pct={backend.disk_pct} label="Disk" class="c-share c-wide" />
      <td class="c-num c-wide">{percent(gpuOf(backend))}</td>
      <td class="c-num">{millis(backend.latency_ms)}</td>
      <Count value={backend.in_flight} class="c-num" />
      <Count value={backend.connections} class="c-num c-wide" />
      <Count value={backend.leases} class="c-num c-wide" />
      <td class="c-spark c-wide">
        <Spark
          values={(counts ? trail.rate : trail?.inFlight) ?? []}
          tone="accent"
          atLeast={2}
          label="Last minute"
        />
      </td>
    </tr>
  );
}

function Count(props: { readonly value: number | undefined; readonly class: string }) {
  const { value = 0 } = props;
  return <td class={`${props.class} ${value === 0 ? "zero" : ""}`}>{compact(value)}</td>;
}

function Share(props: {
  readonly pct: number | null | undefined;
  readonly label: string;
  readonly class: string;
}) {
  return (
    <td class={props.class}>
      <span class="share">
        <Bar pct={props.pct} label={props.label} />
        {percent(props.pct)}
      </span>
    </td>
  );
}

function Gap({ rows }: { readonly rows: number }) {
  return rows <= 0 ? null : <tr class="gap" style={{ height: `${rows * ROW_PX}px` }} />;
}

/** Which rows are on the screen. */
function useWindow(box: { readonly current: HTMLElement | null }, rows: number) {
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(800);
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const look = (): void => {
      setTop(Math.floor(element.scrollTop / ROW_PX));
      setHeight(element.clientHeight);
    };
    look();
    element.addEventListener("scroll", look, { passive: true });
    const observer = new ResizeObserver(look);
    observer.observe(element);
    return () => {
      element.removeEventListener("scroll", look);
      observer.disconnect();
    };
  }, []);
  const first = Math.max(0, Math.min(top, rows) - SPARE_ROWS);
  return { first, last: Math.min(rows, top + Math.ceil(height / ROW_PX) + SPARE_ROWS) };
}

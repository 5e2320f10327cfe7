/** Everything about one backend, and what can be done with it. */
import { useState } from "preact/hooks";
import { drain, removeBackend, undrain } from "../../store/actions.ts";
import { isAdmin, trailOf } from "../../store/state.ts";
import type { Backend } from "../../types.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { bytes, compact, dayAndClock, millis, percent, seconds } from "../../ui/format.ts";
import { HeatStrip } from "../../ui/heat.tsx";
import { Button, Status } from "../../ui/parts.tsx";
import { Spark } from "../../ui/spark.tsx";
import { HistoryCharts } from "../traffic/history.tsx";
import { Gpus, Tags } from "./cards.tsx";
import { nameOf } from "./choose.ts";
import { BackendForm } from "./form.tsx";

export function BackendDrawer({
  backend,
  onClose,
}: {
  readonly backend: Backend;
  readonly onClose: () => void;
}) {
  const [step, setStep] = useState<"look" | "edit" | "remove">("look");
  if (step === "edit") return <BackendForm backend={backend} onClose={() => setStep("look")} />;
  return (
    <Dialog title={nameOf(backend)} drawer onClose={onClose}>
      <div class="dialog-body">
        <div class="drawer-top">
          <Status status={backend.status ?? "unknown"} />
          <span class="mono soft">{backend.id}</span>
        </div>
        {backend.reason === null || backend.reason === undefined ? null : (
          <p class="card-reason">{backend.reason}</p>
        )}
        <Tags backend={backend} />
        <HeatStrip cores={backend.cpu_pct} />
        {(backend.gpus ?? []).length === 0 ? null : <Gpus gpus={backend.gpus ?? []} />}
        <Trails id={backend.id} />
        <Facts backend={backend} />
        <HistoryCharts seconds={900} backend={backend.id} only="durations" />
        <Endpoints backend={backend} />
        {isAdmin() ? <Doings backend={backend} step={step} onStep={setStep} onClose={onClose} /> : null}
      </div>
    </Dialog>
  );
}

function Trails({ id }: { readonly id: string }) {
  const trail = trailOf(id);
  if (trail === undefined) return null;
  return (
    <div class="trails">
      <figure>
        <figcaption>CPU</figcaption>
        <Spark values={trail.cpu} atLeast={100} label="CPU over the last minute" />
      </figure>
      <figure>
        <figcaption>In flight</figcaption>
        <Spark
          values={trail.inFlight}
          atLeast={2}
          tone="accent"
          label="Requests in flight over the last minute"
        />
      </figure>
      {trail.lastTotal === null ? null : (
        <figure>
          <figcaption>Requests a second</figcaption>
          <Spark values={trail.rate} atLeast={2} tone="good" label="Requests a second over the last minute" />
        </figure>
      )}
      {trail.lastErrors === null ? null : (
        <figure>
          <figcaption>Errors a second</figcaption>
          <Spark values={trail.errors} atLeast={2} tone="bad" label="Errors a second over the last minute" />
        </figure>
      )}
    </div>
  );
}

function Facts({ backend }: { readonly backend: Backend }) {
  const { location } = backend;
  const facts: readonly (readonly [string, string])[] = [
    ["Memory", percent(backend.memory_pct)],
    ["Disk", percent(backend.disk_pct)],
    ["Latency", millis(backend.latency_ms)],
    ["In flight", limited(backend.in_flight, backend.max_in_flight)],
    ["Connections", limited(backend.connections, backend.max_connections)],
    ["Leases", compact(backend.leases ?? 0)],
    ["Weight", String(backend.weight ?? 1)],
    ["Report", reportOf(backend)],
    ["Requests", backend.requests_total === undefined ? "–" : compact(backend.requests_total)],
    ["Errors", backend.errors_total === undefined ? "–" : compact(backend.errors_total)],
    ["Sent", backend.bytes_out === undefined ? "–" : bytes(backend.bytes_out)],
    ["Last request", backend.last_request_at == null ? "–" : dayAndClock(backend.last_request_at)],
    ["Place", location == null ? "unknown" : `${location.lat.toFixed(2)}, ${location.lon.toFixed(2)}`],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Endpoints({ backend }: { readonly backend: Backend }) {
  const states = new Map((backend.breakers ?? []).map(({ endpoint, state }) => [endpoint, state]));
  return (
    <section class="endpoints">
      <h3>Endpoints</h3>
      <ul>
        {(backend.endpoints ?? []).map(({ url, paths = [] }) => (
          <li key={url}>
            <span class="mono">{url}</span>
            <small>
              {paths.length === 0 ? "every path" : paths.join(", ")}
              {states.has(url) ? ` · breaker ${states.get(url)?.replace("_", " ")}` : ""}
            </small>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Doings(props: {
  readonly backend: Backend;
  readonly step: "look" | "remove";
  readonly onStep: (step: "look" | "edit" | "remove") => void;
  readonly onClose: () => void;
}) {
  const { backend, step, onStep, onClose } = props;
  if (step === "remove") {
    const comesBack =
      backend.source === "agent" ? " Its agent will register it again unless that is stopped." : "";
    return (
      <div class="confirm at-foot" role="alert">
        <p>
          Remove {nameOf(backend)} with its {compact(backend.leases ?? 0)} leases and its sessions?{comesBack}
        </p>
        <p class="dialog-actions">
          <Button onClick={() => onStep("look")}>Keep it</Button>
          <Button
            kind="danger"
            icon="trash"
            onClick={() => {
              void removeBackend(backend);
              onClose();
            }}
          >
            Remove
          </Button>
        </p>
      </div>
    );
  }
  const isDraining = backend.status === "draining";
  return (
    <p class="dialog-actions at-foot">
      <Button icon="trash" kind="quiet" onClick={() => onStep("remove")}>
        Remove…
      </Button>
      <Button icon="edit" onClick={() => onStep("edit")}>
        Edit…
      </Button>
      <Button
        icon={isDraining ? "play" : "drain"}
        onClick={() => void (isDraining ? undrain(backend) : drain(backend))}
      >
        {isDraining ? "Undrain" : "Drain"}
      </Button>
    </p>
  );
}

/** Ages of a few seconds are not told apart. */
function reportOf({ report_age_seconds: age }: Backend): string {
  if (age === null || age === undefined) return "none";
  return age === 0 ? "just now" : `${seconds(age)} ago`;
}

function limited(now: number | undefined, most: number | undefined): string {
  return `${compact(now ?? 0)}${most === undefined || most === 0 ? "" : ` of ${compact(most)}`}`;
}

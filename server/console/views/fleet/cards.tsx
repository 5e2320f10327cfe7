/** A card for each backend, for fleets of a dozen or two. */
import { meanOf, trailOf } from "../../store/state.ts";
import type { Backend, Gpu } from "../../types.ts";
import { compact, millis, percent, seconds } from "../../ui/format.ts";
import { Bar, HeatStrip } from "../../ui/heat.tsx";
import { Badge, Status } from "../../ui/parts.tsx";
import { Spark } from "../../ui/spark.tsx";
import { nameOf, rateOf } from "./choose.ts";

export function Cards({
  backends,
  onOpen,
}: {
  readonly backends: readonly Backend[];
  readonly onOpen: (id: string) => void;
}) {
  return (
    <ul class="cards">
      {backends.map((backend) => (
        <li key={backend.id}>
          <Card backend={backend} onOpen={onOpen} />
        </li>
      ))}
    </ul>
  );
}

function Card({ backend, onOpen }: { readonly backend: Backend; readonly onOpen: (id: string) => void }) {
  const { id, status = "unknown", reason, routable } = backend;
  const name = nameOf(backend);
  return (
    <article class="card">
      <header class="card-head">
        <h2>
          <button type="button" class="card-open" onClick={() => onOpen(id)}>
            {name}
          </button>
        </h2>
        <Status status={status} />
      </header>
      <p class="card-sub mono">{backend.endpoints?.[0]?.url ?? id}</p>
      <Meters backend={backend} />
      <Numbers backend={backend} />
      <Flow id={id} />
      {routable === false && reason !== null && reason !== undefined ? (
        <p class="card-reason">{reason}</p>
      ) : null}
      <Tags backend={backend} />
    </article>
  );
}

function Meters({ backend }: { readonly backend: Backend }) {
  const cores = backend.cpu_pct ?? null;
  const mean =
    cores === null || cores.length === 0 ? null : cores.reduce((sum, each) => sum + each, 0) / cores.length;
  return (
    <dl class="meters">
      <dt>CPU</dt>
      <dd>
        <HeatStrip cores={cores} />
        <b>{percent(mean)}</b>
      </dd>
      <dt>Memory</dt>
      <dd>
        <Bar pct={backend.memory_pct} label="Memory" />
        <b>{percent(backend.memory_pct)}</b>
      </dd>
      <dt>Disk</dt>
      <dd>
        <Bar pct={backend.disk_pct} label="Disk" />
        <b>{percent(backend.disk_pct)}</b>
      </dd>
      <GpuMeter gpus={backend.gpus ?? []} />
    </dl>
  );
}

/** All GPUs in a row; the details of each are in the drawer. */
function GpuMeter({ gpus }: { readonly gpus: readonly Gpu[] }) {
  const use = gpus.flatMap(({ usage_pct: pct }) => pct ?? []);
  if (use.length === 0) return null;
  const name = gpus[0]?.name ?? "";
  return (
    <>
      <dt title={`${gpus.length} × ${name}`}>GPU</dt>
      <dd>
        <HeatStrip cores={use} what="GPUs" />
        <b>{percent(meanOf(use))}</b>
      </dd>
    </>
  );
}

const MAX_GPUS = 8;

/** Each GPU by itself. */
export function Gpus({ gpus }: { readonly gpus: readonly Gpu[] }) {
  return (
    <ul class="gpus">
      {gpus.slice(0, MAX_GPUS).map((gpu, index) => (
        <li key={index}>
          <span class="gpu-name">{gpu.name}</span>
          <Bar pct={gpu.usage_pct} label={`${gpu.name} use`} />
          <b>{percent(gpu.usage_pct)}</b>
          <small>
            {percent(gpu.memory_pct)} VRAM
            {gpu.temperature_c === null ? "" : ` · ${Math.round(gpu.temperature_c)}°C`}
          </small>
        </li>
      ))}
      {gpus.length > MAX_GPUS ? <li class="gpu-more">and {gpus.length - MAX_GPUS} more</li> : null}
    </ul>
  );
}

function Numbers({ backend }: { readonly backend: Backend }) {
  const most = backend.max_in_flight ?? 0;
  return (
    <dl class="numbers">
      <div>
        <dt>Latency</dt>
        <dd>{millis(backend.latency_ms)}</dd>
      </div>
      <div>
        <dt>In flight</dt>
        <dd>
          {compact(backend.in_flight ?? 0)}
          {most > 0 ? <small> / {compact(most)}</small> : null}
        </dd>
      </div>
      <div>
        <dt>Conns</dt>
        <dd>{compact(backend.connections ?? 0)}</dd>
      </div>
      <div>
        <dt>Leases</dt>
        <dd>{compact(backend.leases ?? 0)}</dd>
      </div>
    </dl>
  );
}

/** Requests a second where the server counts them, else requests in flight. */
function Flow({ id }: { readonly id: string }) {
  const trail = trailOf(id);
  const counts = trail?.lastTotal !== null && trail?.lastTotal !== undefined;
  const values = counts ? trail.rate : (trail?.inFlight ?? []);
  const label = counts
    ? `${compact(rateOf(id))} requests a second`
    : "Requests in flight over the last minute";
  return (
    <div class="flow">
      <Spark values={values} tone="accent" label={label} atLeast={2} />
      <small>{counts ? `${compact(rateOf(id))}/s` : "in flight"}</small>
    </div>
  );
}

export function Tags({ backend }: { readonly backend: Backend }) {
  const {
    source = "agent",
    tags = [],
    weight = 1,
    backup = false,
    breakers = [],
    report_age_seconds: age,
  } = backend;
  const broken = breakers.filter(({ state }) => state !== "closed");
  return (
    <p class="badges">
      <Badge>{source}</Badge>
      {tags.map((tag) => (
        <Badge key={tag} tone="info">
          {tag}
        </Badge>
      ))}
      {weight === 1 ? null : <Badge>weight {weight}</Badge>}
      {backup === false ? null : (
        <Badge tone="warn">{backup === true ? "backup" : `backup of ${backup}`}</Badge>
      )}
      {broken.map(({ endpoint, state }) => (
        <Badge key={endpoint} tone={state === "open" ? "bad" : "warn"}>
          breaker {state.replace("_", " ")}
        </Badge>
      ))}
      {age === null || age === undefined || age < 15 ? null : (
        <Badge tone="warn">report {seconds(age)} old</Badge>
      )}
    </p>
  );
}

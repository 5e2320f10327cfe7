/** The server as a whole, in a row of figures. */
import { useSignal } from "../../store/signal.ts";
import { backends, figures, meanOf, seriesOf } from "../../store/state.ts";
import { bytes, compact } from "../../ui/format.ts";
import { Spark } from "../../ui/spark.tsx";

const POINTS = 60;

export function Summary() {
  const recent = useSignal(figures).slice(-POINTS);
  const fleet = useSignal(backends) ?? [];
  const requests = seriesOf(recent, "requests");
  const failed = seriesOf(recent, "responses_5xx");
  const waiting = seriesOf(recent, "waiting");
  const inFlight = seriesOf(recent, "in_flight");
  const out = seriesOf(recent, "bytes_out");
  const total = sum(requests);
  const share = total === 0 ? 0 : (sum(failed) / total) * 100;
  const routable = fleet.filter((each) => each.routable !== false).length;
  const cpu = meanOf(fleet.filter(({ cpu_pct }) => cpu_pct !== null).map(({ cpu_pct }) => meanOf(cpu_pct)));
  return (
    <section class="summary" aria-label="The server at a glance">
      <Tile
        label="Requests"
        value={compact(requests.at(-1) ?? 0)}
        unit="/s"
        values={requests}
        tone="accent"
      />
      <Tile
        label="Server errors"
        value={share.toFixed(share > 0 && share < 10 ? 1 : 0)}
        unit="%"
        values={failed}
        tone={share > 1 ? "bad" : "good"}
      />
      <Tile label="In flight" value={compact(inFlight.at(-1) ?? 0)} values={inFlight} />
      <Tile
        label="Waiting"
        value={compact(waiting.at(-1) ?? 0)}
        values={waiting}
        tone={(waiting.at(-1) ?? 0) > 0 ? "warn" : ""}
      />
      <Tile label="Sent" value={bytes(out.at(-1) ?? 0)} unit="/s" values={out} />
      <div class="tile">
        <h2>Backends</h2>
        <p class="figure">
          {routable}
          <small> of {fleet.length} in service</small>
        </p>
        <p class="tile-note">CPU {Math.round(cpu)}% on average</p>
      </div>
    </section>
  );
}

function Tile(props: {
  readonly label: string;
  readonly value: string;
  readonly unit?: string;
  readonly values: readonly number[];
  readonly tone?: string;
}) {
  const { label, value, unit = "", values, tone = "" } = props;
  return (
    <div class="tile">
      <h2>{label}</h2>
      <p class="figure">
        {value}
        <small>{unit}</small>
      </p>
      <Spark values={values} points={POINTS} tone={tone} label={`${label} over the last minute`} />
    </div>
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, each) => total + each, 0);
}

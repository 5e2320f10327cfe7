/** Who waits for room, and what is held. */
import { useMemo } from "preact/hooks";
import { useResource } from "../store/resource.ts";
import { useSignal } from "../store/signal.ts";
import { figures, seriesOf } from "../store/state.ts";
import type { Lease } from "../types.ts";
import { Chart } from "../ui/chart.tsx";
import { compact, seconds } from "../ui/format.ts";
import { Badge, Empty, Loading, Panel, Scroll } from "../ui/parts.tsx";

const MAX_SHOWN = 200;
const EVERY_MS = 3_000;

export function QueueView() {
  const all = useSignal(figures);
  const times = useMemo(() => all.map(({ at }) => at / 1000), [all]);
  const series = useMemo(
    () => [
      { label: "waiting", color: "--warn", values: seriesOf(all, "waiting"), fill: true },
      { label: "leases", color: "--accent", values: seriesOf(all, "leases") },
    ],
    [all],
  );
  return (
    <>
      <div class="page-head">
        <h1>Queue and leases</h1>
        <span class="soft">{compact(seriesOf(all, "waiting").at(-1) ?? 0)} requests wait for room now</span>
      </div>
      {all.length < 2 ? null : (
        <Panel title="Waiting requests and leases">
          <Chart label="Waiting requests and leases" times={times} series={series} format={compact} />
        </Panel>
      )}
      <Leases />
    </>
  );
}

function Leases() {
  const { value, error } = useResource<{ readonly total: number; readonly leases: readonly Lease[] }>(
    "/leases",
    EVERY_MS,
  );
  const leases = value?.leases ?? [];
  return (
    <Panel title="Leases" aside={value === null ? "" : `${value.total} held, oldest first`}>
      {value === null ? (
        <Loading error={error} />
      ) : leases.length === 0 ? (
        <Empty icon="queue" title="Nothing is held">
          <p>
            A lease is capacity of a tier on a backend: held while a request runs, or after a call of /route.
          </p>
        </Empty>
      ) : (
        <LeaseTable leases={leases.slice(0, MAX_SHOWN)} />
      )}
    </Panel>
  );
}

function LeaseTable({ leases }: { readonly leases: readonly Lease[] }) {
  return (
    <Scroll label="Leases" tall>
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Backend</th>
            <th scope="col">Tier</th>
            <th scope="col">For</th>
            <th scope="col" class="num">
              Held for
            </th>
            <th scope="col" class="num">
              Expires in
            </th>
            <th scope="col">Lease</th>
          </tr>
        </thead>
        <tbody>
          {leases.map((lease) => (
            <tr key={lease.lease_id}>
              <th scope="row">{lease.client_id}</th>
              <td>{lease.tier}</td>
              <td>
                <Badge tone={lease.kind === "route" ? "info" : "idle"}>{lease.kind}</Badge>
              </td>
              <td class="num">{seconds(lease.held_seconds)}</td>
              <td class="num">
                {lease.expires_in_seconds === null ? "with its request" : seconds(lease.expires_in_seconds)}
              </td>
              <td class="mono soft">{lease.lease_id.slice(0, 12)}…</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** One migration: how far it is, how each stage went, and what can be done. */
import { isAdmin } from "../../store/state.ts";
import { clock, compact, dayAndClock, millis, seconds } from "../../ui/format.ts";
import { Badge, Button, Panel, Scroll, Status } from "../../ui/parts.tsx";

/** As `GET /migrations` has it. */
export interface Migration {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly status: string;
  readonly reason: string | null;
  readonly share_percent: number;
  /** From 1 on; null once it is over. */
  readonly stage: number | null;
  readonly stages: readonly number[];
  readonly waits_for_traffic?: boolean;
  readonly created_at: string;
  readonly created_by: string | null;
  readonly released?: boolean;
  readonly reports: readonly StageReport[];
}

export interface StageReport {
  readonly stage: number;
  readonly share_percent: number;
  readonly measured_percent: number | null;
  readonly started_at: string;
  readonly seconds: number;
  readonly from: Group;
  readonly to: Group;
  readonly fallbacks: number;
  /** Null while it lasts. */
  readonly decision: string | null;
  readonly reason: string;
}

export interface Group {
  readonly requests: number;
  readonly errors: number;
  readonly error_rate_percent: number | null;
  readonly p50_ms: number | null;
  readonly p99_ms: number | null;
}

export type MigrationAction = "pause" | "resume" | "advance" | "abort" | "release";

export function MigrationCard(props: {
  readonly migration: Migration;
  readonly onAct: (what: MigrationAction) => void;
}) {
  const { migration, onAct } = props;
  const { from, to, status, reason, waits_for_traffic: waits, created_at, created_by } = migration;
  return (
    <Panel
      title={
        <>
          {from} <span aria-hidden="true">→</span>
          <span class="visually-hidden">to</span> {to}
        </>
      }
      aside={<Status status={status.replace("_", " ")} />}
    >
      <div class="pad stack">
        <Stages migration={migration} />
        {reason === null || reason === "" ? null : (
          <p class={status === "completed" ? "soft" : "card-reason"}>{reason}</p>
        )}
        {waits === true ? (
          <p class="card-reason">
            The stage has lasted long enough, but there were too few requests to judge it.
          </p>
        ) : null}
        <Reports migration={migration} />
        <p class="soft">
          Began {dayAndClock(created_at)}
          {created_by === null ? "" : ` by ${created_by}`}
        </p>
        {isAdmin() ? <Doings migration={migration} onAct={onAct} /> : null}
      </div>
    </Panel>
  );
}

function Stages({ migration }: { readonly migration: Migration }) {
  const { stage, stages, status } = migration;
  const past = status === "completed" ? stages.length : (stage ?? 0) - 1;
  return (
    <ol class="stages" aria-label="Stages">
      {stages.map((share, index) => {
        const isNow = stage === index + 1;
        return (
          <li
            key={share}
            class={isNow ? "now" : index < past ? "past" : ""}
            aria-current={isNow ? "step" : undefined}
          >
            {share}%
          </li>
        );
      })}
    </ol>
  );
}

const HEADS = ["Stage", "Share", "Began", "Lasted", "Group", "Requests", "Errors", "p50", "p99", "Verdict"];

function Reports({ migration }: { readonly migration: Migration }) {
  const { reports, from, to } = migration;
  if (reports.length === 0) return null;
  return (
    <Scroll label="Report by stage">
      <table class="plain">
        <thead>
          <tr>
            {HEADS.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        {reports.toReversed().map((report) => (
          <tbody key={`${report.stage} ${report.started_at}`}>
            <tr>
              <th scope="row" rowSpan={2}>
                {report.stage}
              </th>
              <td rowSpan={2}>
                {report.share_percent}%
                <small class="soft">
                  {report.measured_percent === null ? "" : ` measured ${compact(report.measured_percent)}%`}
                </small>
              </td>
              <td rowSpan={2}>{clock(report.started_at)}</td>
              <td rowSpan={2}>{seconds(report.seconds)}</td>
              <Figures name={to} group={report.to} />
              <td rowSpan={2} class="wraps">
                <Verdict report={report} />
              </td>
            </tr>
            <tr>
              <Figures name={from} group={report.from} />
            </tr>
          </tbody>
        ))}
      </table>
    </Scroll>
  );
}

function Figures({ name, group }: { readonly name: string; readonly group: Group }) {
  const { requests, error_rate_percent: errors, p50_ms: p50, p99_ms: p99 } = group;
  return (
    <>
      <td>{name}</td>
      <td>{compact(requests)}</td>
      <td>{errors === null ? "–" : `${compact(errors)}%`}</td>
      <td>{millis(p50)}</td>
      <td>{millis(p99)}</td>
    </>
  );
}

function Verdict({ report }: { readonly report: StageReport }) {
  const { decision, reason } = report;
  if (decision === null) return <Badge tone="info">under way</Badge>;
  const tone = decision === "go" || decision === "advanced" ? "good" : decision === "no_go" ? "bad" : "warn";
  return (
    <span class="why">
      <Badge tone={tone}>{decision === "no_go" ? "NO-GO" : decision.toUpperCase()}</Badge>
      <span class="soft">{reason}</span>
    </span>
  );
}

function Doings(props: { readonly migration: Migration; readonly onAct: (what: MigrationAction) => void }) {
  const { migration, onAct } = props;
  const { status, released } = migration;
  if (status !== "running" && status !== "paused") {
    if (released === true) return null;
    return (
      <p class="dialog-actions">
        <Button title="Make the group that lost an ordinary one again" onClick={() => onAct("release")}>
          Release
        </Button>
      </p>
    );
  }
  return (
    <p class="dialog-actions">
      <Button kind="danger" onClick={() => onAct("abort")}>
        Abort
      </Button>
      {status === "paused" ? (
        <Button icon="play" onClick={() => onAct("resume")}>
          Resume
        </Button>
      ) : (
        <Button icon="pause" onClick={() => onAct("pause")}>
          Pause
        </Button>
      )}
      <Button icon="chevron" title="End this stage as if it had been passed" onClick={() => onAct("advance")}>
        Next stage
      </Button>
    </p>
  );
}
